#!/usr/bin/env python3
"""Reads event files with TensorBoard's own reader and holds them against what they should say.

    tests/tensorboard/read_back.py READER              the file beside this one, which a test in Rust writes again to the byte
    tests/tensorboard/read_back.py READER FILE...      lists what these files hold

READER is a folder that gets the few packages that reading needs (pip install --target), unless they are there.
"""

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ["tensorboard", "protobuf", "numpy", "absl-py"]
EXAMPLE = Path(__file__).parent / "events.out.tfevents.0.asm-pipe"


def reader(folder):
    done = folder / ".done"
    if not done.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folder), *PACKAGES]
        quiet = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        if subprocess.run(command, env={**os.environ, **quiet}).returncode:
            sys.exit("error: pip could not fetch TensorBoard's reader\n  hint: look at the message above: network, proxy or index settings")
        done.touch()
    sys.path.insert(0, str(folder))
    from tensorboard.backend.event_processing import event_accumulator

    def read(path):
        found = event_accumulator.EventAccumulator(str(path), size_guidance={"scalars": 0, "images": 0})
        found.Reload()
        return found

    return read


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"error: {what}: TensorBoard reads {found}, not {expected}")


def check(found):
    tags = found.Tags()
    expect("scalars", sorted(tags["scalars"]), ["AP_shift", "test/AP_50"])
    expect("images", tags["images"], ["detections/0"])
    rows = [(event.step, event.wall_time, event.value) for event in found.Scalars("test/AP_50")]
    expect("test/AP_50", rows, [(0, 0.0, 0.0), (300, 1.5, 0.25), (600, 3.0, 0.5)])
    expect("AP_shift", [(event.step, event.value) for event in found.Scalars("AP_shift")], [(600, -0.125)])
    (image,) = found.Images("detections/0")
    expect("the image's step and size", (image.step, image.width, image.height), (600, 24, 16))
    expect("the image's first bytes", image.encoded_image_string[:8], b"\x89PNG\r\n\x1a\n")


def show(path, found):
    print(path)
    for tag in found.Tags()["scalars"]:
        rows = found.Scalars(tag)
        print(f"  {tag}: {len(rows)} values, the last {rows[-1].value:.6g} of step {rows[-1].step} at {rows[-1].wall_time:.1f} s")
    for tag in found.Tags()["images"]:
        for image in found.Images(tag):
            print(f"  {tag}: {image.width} x {image.height} of step {image.step}, {len(image.encoded_image_string)} bytes")


def main(folder, *files):
    read = reader(Path(folder))
    if not files:
        check(read(EXAMPLE))
        print("TensorBoard reads our event files")
    for path in files:
        show(path, read(path))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
