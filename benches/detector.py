#!/usr/bin/env python3
"""Training steps and detection beside torchvision's: `benches/detector.py [--data DIR] [--size 320] [--threads 2] [--steps 20] [--rounds 3]`.

Both read the same JPEG files from the same folder (a VOC folder; scenes of the embedded dataset if none is given), begin with the same weights
and go by the same rules: flips, colours, SGD with clipping, batches of four, detection one image at a time. What is measured is images a second
from file to moved weights, or from file to boxes; without starting, importing and building the network, with the first step. The two take turns,
so that what else the machine does meets both alike; the median of their ratios counts. Python loads images in its own process or in one worker
beside it, whichever is faster. Memory is the highest that the process (of Python the better of the two ways) has had.

Needs torch and torchvision in this Python (experiments/torchvision/README.md). ASM_PIPE names another program; asm-pipe-torch is beside it.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ASM_PIPE = Path(os.environ.get("ASM_PIPE", HERE.parent / "target" / "release" / "asm-pipe"))
ARCHITECTURES = ["fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_resnet50_fpn", "efficientnet_lite0"]
BATCH = 4

PIPELINE = """
name: speed
stages:
  source: {{uses: parse-voc, with: {{roots: {data}, set: trainval, limit: {images}, on_error: skip}}}}
  model:
    uses: train
    in: {{dataset: source.dataset, images: source.images}}
    with: {{architecture: {architecture}, iterations: 1, batch_size: 1, learning_rate: 0.0, min_size: {size}, max_size: {largest}}}
"""


class Worker:
    """A provider process that has done its job by its last message."""

    def __init__(self, threads):
        program = ASM_PIPE.with_name("asm-pipe-torch")
        described = json.loads(subprocess.run([program, "describe"], capture_output=True, check=True).stdout)
        environment = described["environment"] | os.environ  # as asm-pipe starts it
        self.process = subprocess.Popen([program, "work"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.threads = threads

    def do(self, folder, kind, params, inputs, output):
        (folder / "out").mkdir(parents=True)
        (folder / "keep").mkdir()
        job = {"format": 1, "folder": str(folder), "keep": str(folder / "keep"), "kind": kind, "params": params, "cpus": self.threads}
        job["inputs"] = {name: [{"label": "", "path": str(path)}] for name, path in inputs.items()}
        job["outputs"] = {output: str(folder / "out" / output)}
        (folder / "job.json").write_text(json.dumps(job))
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            message = json.loads(line)
            if message["event"] == "done":
                return message["metrics"]["images_per_second"]
            if message["event"] == "failed":
                sys.exit(f"asm-pipe-torch: {message}")
        sys.exit("asm-pipe-torch ended without an answer")

    def end(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        self.process.stdin.close()
        self.process.wait()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def ours(given, folder, what, architecture):
    worker = Worker(given.threads)
    data = {"dataset": folder / "dataset", "images": folder / "images", "model": folder / "model"}
    place = folder / f"job-{time.monotonic_ns()}"
    if what == "train":
        # As many digits of the weights as it takes: the rate is low enough for weights that have learned nothing.
        params = {"architecture": architecture, "iterations": given.steps, "batch_size": BATCH, "learning_rate": 1e-4}
        pace = worker.do(place, "train", params, data, "model")
    else:
        pace = worker.do(place, "detect", {}, data, "detections")
    return pace, worker.end()


def theirs(given, folder, what, architecture, workers):
    """In a process of its own, as ours is."""
    command = [sys.executable, __file__, "--twin", what, architecture, str(folder), str(given.steps), str(workers), str(given.threads)]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return answer["pace"], answer["memory"]


def twin(what, architecture, folder, steps, workers, threads):
    sys.path.insert(0, str(HERE.parent / "experiments" / "torchvision"))
    import torch
    import twin
    from safetensors.torch import load_file

    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    folder, steps = Path(folder), int(steps)
    detector = json.loads((folder / "model" / "model.json").read_text())["detector"]
    model = twin.build(architecture, detector["num_classes"], detector["min_size"], detector["max_size"], detector["trainable_layers"])
    model.load_state_dict(load_file(str(folder / "model" / "model.safetensors")))
    dataset = json.loads((folder / "dataset.json").read_text())
    if what == "train":
        dataset["images"] = (dataset["images"] * (1 + steps * BATCH // len(dataset["images"])))[: steps * BATCH]
        data, begun = twin.Images(dataset, folder / "images", jitter=0.5, flip=0.5), time.perf_counter()
        twin.train(model, data, epochs=1, batch_size=BATCH, learning_rate=1e-4, warm_up=50, workers=int(workers), told=lambda progress: None)
    else:
        data, begun = twin.Images(dataset, folder / "images"), time.perf_counter()
        model.eval()
        with torch.inference_mode():
            for images, _ in twin.batches(data, 1, shuffle=False, workers=int(workers)):
                model(list(images))
    pace = len(data) / (time.perf_counter() - begun)
    print(json.dumps({"pace": pace, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def prepare(given, folder, architecture):
    """The dataset, its images and a model, as both sides read them."""
    data = Path(given.data) if given.data else folder.parent / "shapes"
    if not data.exists():
        subprocess.run([ASM_PIPE, "data", "shapes", data, "--train", str(given.images), "--size", str(given.size)], check=True, capture_output=True)
    folder.mkdir()
    text = PIPELINE.format(data=json.dumps(str(data.resolve())), images=given.images, architecture=architecture, size=given.size, largest=given.size * 4 // 3)
    (folder / "speed.yaml").write_text(text)
    run = lambda *arguments: subprocess.run([ASM_PIPE, *arguments], cwd=folder, check=True, capture_output=True)
    run("run", "speed.yaml")
    for output in ("source.dataset", "source.images", "model.model"):
        run("get", "speed.yaml", output, output.split(".")[1])
    convert = {"run": "cp {in.dataset:json} {out.text}", "out": {"text": "text"}}
    (folder / "json.yaml").write_text(text + "  json: " + json.dumps({"uses": "command", "in": {"dataset": "source.dataset"}, "with": convert}) + "\n")
    run("run", "json.yaml")
    run("get", "json.yaml", "json.text", "dataset.json")


def main():
    if sys.argv[1:2] == ["--twin"]:
        return twin(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    for name, default in (("size", 320), ("threads", 2), ("steps", 20), ("rounds", 3), ("images", 48)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--architectures", nargs="+", default=ARCHITECTURES)
    given = parser.parse_args()
    print(f"{'':42} {'asm-pipe':>10} {'torchvision':>12} {'ratio':>7}   images a second;  MiB ours, theirs")
    with tempfile.TemporaryDirectory() as temporary:
        for architecture in given.architectures:
            folder = Path(temporary).resolve() / architecture
            prepare(given, folder, architecture)
            for what in ("train", "detect"):
                turns = []
                for _ in range(given.rounds):
                    mine = ours(given, folder, what, architecture)
                    both = [theirs(given, folder, what, architecture, workers) for workers in (0, 1)]
                    turns.append((mine, (max(pace for pace, _ in both), min(memory for _, memory in both))))
                middle = lambda pick: statistics.median(pick(turn) for turn in turns)
                paces = middle(lambda turn: turn[0][0]), middle(lambda turn: turn[1][0]), middle(lambda turn: turn[0][0] / turn[1][0])
                memory = middle(lambda turn: turn[0][1]), middle(lambda turn: turn[1][1])
                print(f"{architecture + ' ' + what:46} {paces[0]:6.2f} {paces[1]:12.2f} {paces[2]:7.2f} {memory[0]:20.0f} {memory[1]:6.0f}", flush=True)


if __name__ == "__main__":
    main()
