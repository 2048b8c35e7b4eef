#!/usr/bin/env python3
"""What the runner itself costs, beside ninja, make and doit: `benches/runner.py [--stages 10,100,1000] [--tools asm-pipe,ninja,make,doit]`.

Shapes: `fan N`: N stages, each copies a file and adds a line. `chain N`: each reads the one before. `dir N`: one stage over a folder of
N files of 4 KiB and one over a file of --big MiB. Steps: `cold` first run; `noop` again; `touch` new times, same bytes; `leaf` the param of the last stage changed.
Every tool does the same work by the same shell commands. Figures are medians of --runs, and ratios to asm-pipe in the same round;
peak is the largest single process, cold and with nothing to do. Tools that are not on PATH are left out.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# asm-pipe does not trust the time of a file that changed less than two seconds before it was read.
SETTLED = 2.5
HERE = Path(__file__).resolve().parent


class Shape:
    """Where the files of a shape are, and the command of each stage."""

    def __init__(self, folder, name, count, big):
        self.folder, self.name, self.count = folder, name, count
        (folder / "in").mkdir(parents=True)
        (folder / "out").mkdir()
        if name == "dir":
            for number in range(count):
                (folder / "in" / f"{number}").write_bytes(number.to_bytes(4, "little") * 1024)
            with open(folder / "big", "wb") as file:
                for number in range(big):
                    file.write(number.to_bytes(4, "little") * (1 << 18))
        else:
            for number in range(count if name == "fan" else 1):
                (folder / "in" / f"{number}.txt").write_text(f"input {number}\n")
        self.params = {number: "0" for number in range(count)}

    def source(self, number):
        return f"out/{number - 1}.txt" if self.name == "chain" and number else f"in/{number if self.name == 'fan' else 0}.txt"

    def sources(self):
        return [*sorted((self.folder / "in").iterdir()), *([self.folder / "big"] if self.name == "dir" else [])]


def asm_pipe(shape):
    lines = ["stages:"]
    if shape.name == "dir":
        lines += [
            "  small: {uses: command, with: {files: [in], out: {x: text}, run: 'ls in | wc -l > {out.x}'}}",
            "  big: {uses: command, with: {files: [big], out: {x: text}, run: 'stat -c %s big > {out.x}'}}",
        ]
    for number in range(shape.count if shape.name != "dir" else 0):
        param = shape.params[number]
        if shape.name == "chain" and number:
            lines.append(f"  s{number}: {{uses: command, in: {{p: s{number - 1}}}, with: {{out: {{x: text}}, run: 'cat {{in.p}} > {{out.x}}; echo {param} >> {{out.x}}'}}}}")
        else:
            source = shape.source(number)
            lines.append(f"  s{number}: {{uses: command, with: {{files: [{source}], out: {{x: text}}, run: 'cat {source} > {{out.x}}; echo {param} >> {{out.x}}'}}}}")
    (shape.folder / "p.yaml").write_text("\n".join(lines) + "\n")
    program = os.environ.get("ASM_PIPE", str(HERE.parent / "target/release/asm-pipe"))
    return [program, "run", "p.yaml", "--quiet"]


def commands(shape):
    """(target, source, command) of each stage, for tools with files in the work tree."""
    if shape.name == "dir":
        names = " ".join(str(path.relative_to(shape.folder)) for path in shape.sources() if path.name != "big")
        return [("out/small", names, "ls in | wc -l > out/small"), ("out/big", "big", "stat -c %s big > out/big")]
    made = []
    for number in range(shape.count):
        source, target = shape.source(number), f"out/{number}.txt"
        made.append((target, source, f"cat {source} > {target}; echo {shape.params[number]} >> {target}"))
    return made


def ninja(shape):
    text = ["rule sh", "  command = $cmd"]
    for target, source, command in commands(shape):
        text += [f"build {target}: sh {source}", f"  cmd = {command}"]
    (shape.folder / "build.ninja").write_text("\n".join(text) + "\n")
    return ["ninja", "-j2", "--quiet"]


def make(shape):
    made = commands(shape)
    text = ["all: " + " ".join(target for target, _, _ in made)]
    for target, source, command in made:
        text += [f"{target}: {source}", f"\t@{command.replace('$', '$$')}"]
    (shape.folder / "Makefile").write_text("\n".join(text) + "\n")
    return ["make", "-j2", "-s"]


def doit(shape):
    tasks = [dict(name=target, actions=[command], file_dep=source.split(), targets=[target]) for target, source, command in commands(shape)]
    (shape.folder / "dodo.py").write_text(
        f"from doit.tools import config_changed\nTASKS = {tasks!r}\n"
        "def task_all():\n    for task in TASKS:\n        yield dict(task, uptodate=[config_changed(task['actions'][0])])\n"
    )
    return ["doit", "-n", "2", "-v", "0"]


TOOLS = {"asm-pipe": asm_pipe, "ninja": ninja, "make": make, "doit": doit}


def timed(command, folder):
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed in {folder}")
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def measure(tool, name, count, big, place):
    """Seconds of each step, and the peak in MiB."""
    shape = Shape(Path(tempfile.mkdtemp(dir=place)) / "w", name, count, big)
    command = TOOLS[tool](shape)
    time.sleep(SETTLED)
    times = {"cold": timed(command, shape.folder), "noop": timed(command, shape.folder)}
    for path in shape.sources():
        os.utime(path)
    time.sleep(SETTLED)
    times["touch"] = timed(command, shape.folder)
    times["after touch"] = timed(command, shape.folder)
    if name != "dir":
        shape.params[count - 1] = "1"
        TOOLS[tool](shape)
        times["leaf"] = timed(command, shape.folder)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", default="10,100,1000")
    parser.add_argument("--shapes", default="fan,chain,dir")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--big", type=int, default=1024, metavar="MIB")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--place", help="a folder on the disk to measure on")
    options = parser.parse_args()
    # Removed at the end and not between: ext4 passes over inodes that were freed in the last minutes, so that whoever makes files
    # after others have removed theirs pays for it.
    with tempfile.TemporaryDirectory(dir=options.place) as place:
        compare(options, place)


def compare(options, place):
    tools = [tool for tool in options.tools.split(",") if tool == "asm-pipe" or shutil.which(tool)]
    print("| shape | tool | " + " | ".join(["cold s", "noop s", "touch s", "after touch s", "leaf s", "peak MiB cold / noop"]) + " |")
    print("|---|---|" + "---:|" * 6)
    for name in options.shapes.split(","):
        for count in [options.files] if name == "dir" else [int(number) for number in options.stages.split(",")]:
            rounds = [{tool: measure(tool, name, count, options.big, place) for tool in tools} for _ in range(options.runs)]
            for tool in tools:
                cells = []
                for step in ["cold", "noop", "touch", "after touch", "leaf"]:
                    if step not in rounds[0][tool]:
                        cells.append("-")
                        continue
                    seconds = statistics.median(one[tool][step][0] for one in rounds)
                    ratio = statistics.median(one[tool][step][0] / one["asm-pipe"][step][0] for one in rounds)
                    cells.append(f"{seconds:.3f}" if tool == "asm-pipe" else f"{seconds:.3f} ({ratio:.2f}x)")
                peaks = [max(one[tool][step][1] for one in rounds) for step in ["cold", "noop"]]
                print(f"| {name} {count} | {tool} | " + " | ".join(cells) + " | {:.0f} / {:.0f} |".format(*peaks), flush=True)


if __name__ == "__main__":
    main()
