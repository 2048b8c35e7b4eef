#!/usr/bin/env python3
"""What an evaluation costs, beside pycocotools and hotcoco: `benches/evaluate.py [--images 5000] [--classes 20] [--detections 100] [--runs 5]`.

Makes a ground truth and detections by a seed (for each object one to three detections near it, the others anywhere), then reads the two files and
computes COCO's twelve figures with each tool, in turn, so that what else the machine does meets all alike. `whole` is from the start of reading to
the figures; for the Python packages without starting Python and importing, for asm-pipe the whole process with the other things that `score`
tells (curves, confusion matrix). `evaluate` is without reading. Every tool gets --threads threads, and all must agree on the figures.

Needs pycocotools and hotcoco (`pip install pycocotools hotcoco`); what is not there is left out. ASM_PIPE names another program.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large"]


def make(folder, images, classes, detections, seed):
    draw = random.Random(seed)
    truth, found = [], []
    for image in range(1, images + 1):
        near = []
        for _ in range(draw.randrange(1, 14)):
            side = draw.choice([20, 60, 150])
            w, h = side * draw.uniform(0.5, 1.5), side * draw.uniform(0.5, 1.5)
            x, y, category = draw.uniform(0, 640 - w), draw.uniform(0, 480 - h), draw.randrange(classes) + 1
            box = [round(v, 2) for v in (x, y, w, h)]
            truth.append({"id": len(truth) + 1, "image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": int(draw.random() < 0.01)})
            for _ in range(draw.randrange(1, 4)):
                shift = draw.choice([0.02, 0.08, 0.2])
                moved = [v + draw.gauss(0, shift) * size for v, size in zip(box, (w, h, w, h))]
                near.append((category, moved, draw.betavariate(4, 2)))
        while len(near) < detections:
            w, h = draw.uniform(5, 200), draw.uniform(5, 200)
            near.append((draw.randrange(classes) + 1, [draw.uniform(0, 640 - w), draw.uniform(0, 480 - h), w, h], draw.betavariate(1, 6)))
        for category, (x, y, w, h), score in near[:detections]:
            box = [round(v, 2) for v in (x, y, max(w, 1), max(h, 1))]
            found.append({"image_id": image, "category_id": category, "bbox": box, "score": round(score, 6)})
    ground = {
        "images": [{"id": image, "width": 640, "height": 480, "file_name": f"{image}.jpg"} for image in range(1, images + 1)],
        "categories": [{"id": number + 1, "name": f"class {number}"} for number in range(classes)],
        "annotations": truth,
    }
    (folder / "truth.json").write_text(json.dumps(ground))
    (folder / "found.json").write_text(json.dumps(found))


def in_python(package):
    """Runs in a process of its own: times and figures on stdout."""
    import contextlib
    import importlib

    if package == "pycocotools":
        coco, evaluation = importlib.import_module("pycocotools.coco"), importlib.import_module("pycocotools.cocoeval")
        COCO, COCOeval = coco.COCO, evaluation.COCOeval
    else:
        module = importlib.import_module("hotcoco")
        COCO, COCOeval = module.COCO, module.COCOeval
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        begun = time.perf_counter()
        truth = COCO("truth.json")
        found = truth.loadRes("found.json") if package == "pycocotools" else truth.load_res("found.json")
        read = time.perf_counter()
        evaluated = COCOeval(truth, found, "bbox")
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
        ended = time.perf_counter()
    print(json.dumps({"whole": ended - begun, "evaluate": ended - read, "figures": [float(value) for value in evaluated.stats]}))


def measure(tool, folder, threads):
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    if tool != "asm-pipe":
        command = [sys.executable, __file__, "--inside", tool]
        return json.loads(subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout)
    program = os.environ.get("ASM_PIPE", str(HERE.parent / "target/release/asm-pipe"))
    command = [program, "score", "--ground-truth", "truth.json", "--detections", "found.json", "--format", "json"]
    begun = time.perf_counter()
    answer = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    whole = time.perf_counter() - begun
    figures = json.loads(answer.stdout)["figures"]
    return {"whole": whole, "figures": [figures[name] for name in NAMES]}


def there(tool):
    if tool == "asm-pipe":
        return True
    return subprocess.run([sys.executable, "-c", f"import {tool}"], capture_output=True).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--detections", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tools", default="asm-pipe,hotcoco,pycocotools")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return in_python(options.inside)
    tools = [tool for tool in options.tools.split(",") if there(tool)]
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), options.images, options.classes, options.detections, options.seed)
        rounds = []
        for number in range(options.runs):
            rounds.append({tool: measure(tool, folder, options.threads) for tool in tools})
            print(f"round {number + 1}: " + ", ".join(f"{tool} {rounds[-1][tool]['whole']:.2f} s" for tool in tools), file=sys.stderr)
    for tool in tools[1:]:
        for name, ours, theirs in zip(NAMES, rounds[0][tools[0]]["figures"], rounds[0][tool]["figures"]):
            if abs(ours - theirs) > 1e-9:
                sys.exit(f"{name}: {tools[0]} says {ours}, {tool} {theirs}")
    print(f"{options.images} images, {options.classes} classes, {options.detections} detections an image, {options.threads} threads, median of {options.runs}")
    print(f"{'':12} {'whole':>9} {'evaluate':>9} {'whole, times asm-pipe':>22}")
    for tool in tools:
        median = lambda key: statistics.median(found[tool][key] for found in rounds) if key in rounds[0][tool] else None
        ratio = statistics.median(found[tool]["whole"] / found[tools[0]]["whole"] for found in rounds)
        evaluate = median("evaluate")
        print(f"{tool:12} {median('whole'):8.3f}s {'' if evaluate is None else f'{evaluate:8.3f}s':>9} {ratio:21.1f}x")


if __name__ == "__main__":
    main()
