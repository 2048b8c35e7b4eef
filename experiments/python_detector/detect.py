"""detect.py MODEL DATASET.json DETECTIONS: finds in every image the boxes that are usual, each with how usual it is."""

import json
import sys

MOST = 50


def main(model_path, dataset_path, detections_path):
    with open(model_path) as file:
        model = json.load(file)
    with open(dataset_path) as file:
        dataset = json.load(file)
    cells = sorted(model["cells"], key=lambda cell: -cell["score"])[:MOST]

    def boxes(image):
        sides = [image["width"], image["height"]] * 2
        return [
            {"box": [share * side for share, side in zip(cell["box"], sides)], "class": cell["class"], "score": cell["score"]}
            for cell in cells
        ]

    images = [{"id": image["id"], "boxes": boxes(image)} for image in dataset["images"]]
    with open(detections_path, "w") as file:
        json.dump({"classes": model["classes"], "images": images}, file)
    print(json.dumps({"event": "progress", "done": len(images), "total": len(images), "unit": "image"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
