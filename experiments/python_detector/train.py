"""train.py DATASET.json MODEL: learns how often boxes of each class are where, on a grid of the image.

A cell of the model is (class, column, row) of the box's centre on a 6 x 6 grid; it holds how many boxes fell there and their mean
extent, as shares of the image's sides.
"""

import json
import sys

GRID = 6


def main(dataset_path, model_path):
    with open(dataset_path) as file:
        dataset = json.load(file)
    cells = {}
    for image in dataset["images"]:
        width, height = image["width"], image["height"]
        for entry in image["boxes"]:
            left, top, right, bottom = entry["box"]
            shares = (left / width, top / height, right / width, bottom / height)
            column = min(int((shares[0] + shares[2]) / 2 * GRID), GRID - 1)
            row = min(int((shares[1] + shares[3]) / 2 * GRID), GRID - 1)
            cell = cells.setdefault(f"{entry['class']} {column} {row}", [0, 0.0, 0.0, 0.0, 0.0])
            cell[0] += 1
            for at, share in enumerate(shares):
                cell[at + 1] += share
    images = max(len(dataset["images"]), 1)
    model = {
        "classes": dataset["classes"],
        "cells": [
            {
                "class": key.rsplit(" ", 2)[0],
                "score": min(count / images, 0.999),
                "box": [total / count for total in totals],
            }
            for key, (count, *totals) in sorted(cells.items())
        ],
    }
    with open(model_path, "w") as file:
        json.dump(model, file)
    # A line like this is read as the stage's figures.
    print(json.dumps({"event": "done", "metrics": {"images": len(dataset["images"]), "cells": len(cells)}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
