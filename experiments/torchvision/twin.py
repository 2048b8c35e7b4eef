"""The detectors of `asm-pipe-torch` in torchvision, trained and run by the same rules: what a comparison of the two rests on.

    twin.py train  DATASET.json IMAGES MODEL  --architecture A [--weights FILE] [--epochs N] ...
    twin.py detect MODEL DATASET.json IMAGES DETECTIONS.json

Models, weights and names are torchvision's own, except for the body of `efficientnet_lite0`, which torchvision has not: it is
written out here. A model file of either side loads into the other. What is drawn by chance (order, flips, colours, samples of
anchors and proposals) is drawn by torch's streams: two trainings of one seed are alike as two seeds are.

Needs torch 2.13, torchvision 0.28, safetensors and Pillow.
"""

import argparse
import json
import math
from collections import OrderedDict
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional
from torchvision.io import ImageReadMode, read_image
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.transforms.v2 import functional as colours


class Same(nn.Conv2d):
    """A convolution whose zeros make the output `size / stride`, rounded up, the odd one after (TensorFlow's `SAME`)."""

    def forward(self, images):
        zeros = []
        for size in (images.shape[3], images.shape[2]):
            needed = max((math.ceil(size / self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - size, 0)
            zeros += [needed // 2, needed - needed // 2]
        return super().forward(functional.pad(images, zeros))


class Block(nn.Module):
    def __init__(self, kernel, stride, expansion, before, after):
        super().__init__()
        inside = before * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = nn.Conv2d(before, inside, 1, bias=False), FrozenBatchNorm2d(inside, eps=1e-3)
        self._depthwise_conv = Same(inside, inside, kernel, stride, groups=inside, bias=False)
        self._bn1 = FrozenBatchNorm2d(inside, eps=1e-3)
        self._project_conv, self._bn2 = nn.Conv2d(inside, after, 1, bias=False), FrozenBatchNorm2d(after, eps=1e-3)
        self.expands, self.skips = expansion > 1, stride == 1 and before == after

    def forward(self, features):
        inside = functional.relu6(self._bn0(self._expand_conv(features))) if self.expands else features
        inside = functional.relu6(self._bn1(self._depthwise_conv(inside)))
        inside = self._bn2(self._project_conv(inside))
        return inside + features if self.skips else inside


class EfficientNetLite0(nn.Module):
    """The maps of strides 4, 8, 16 and 32 (Tan and Le 2019, without squeeze and excitation)."""

    # Kernel, stride, expansion, channels, repeats; and the blocks whose maps are handed on.
    STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
    MAPS = [2, 4, 10, 15]

    def __init__(self):
        super().__init__()
        self._conv_stem, self._bn0 = Same(3, 32, 3, 2, bias=False), FrozenBatchNorm2d(32, eps=1e-3)
        blocks, before = [], 32
        for kernel, stride, expansion, channels, repeats in self.STAGES:
            for repeat in range(repeats):
                blocks.append(Block(kernel, stride if repeat == 0 else 1, expansion, before, channels))
                before = channels
        self._blocks = nn.ModuleList(blocks)

    def forward(self, images):
        features, maps = functional.relu6(self._bn0(self._conv_stem(images))), OrderedDict()
        for number, block in enumerate(self._blocks):
            features = block(features)
            if number in self.MAPS:
                maps[str(len(maps))] = features
        return maps


class WithPyramid(nn.Module):
    def __init__(self, body, channels, out_channels):
        super().__init__()
        self.body, self.out_channels = body, out_channels
        self.fpn = FeaturePyramidNetwork(channels, out_channels, LastLevelMaxPool())

    def forward(self, images):
        return self.fpn(self.body(images))


def efficientnet_lite0(classes, size):
    """The same sizes, thresholds and top-ns as the architecture of this name."""
    return FasterRCNN(
        WithPyramid(EfficientNetLite0(), [24, 40, 112, 320], 64),
        rpn_anchor_generator=AnchorGenerator(((16,), (32,), (64,), (128,), (256,)), ((0.5, 1.0, 2.0),) * 5),
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2),
        box_head=torchvision.models.detection.faster_rcnn.TwoMLPHead(64 * 7 * 7, 256),
        box_predictor=torchvision.models.detection.faster_rcnn.FastRCNNPredictor(256, classes),
        rpn_pre_nms_top_n_train=1000,
        rpn_pre_nms_top_n_test=500,
        rpn_post_nms_top_n_train=400,
        rpn_post_nms_top_n_test=200,
        box_batch_size_per_image=64,
        **size,
    )


def build(architecture, classes, min_size, max_size, trainable_layers=3):
    """A detector with frozen batch norm, as torchvision gives one with pretrained weights."""
    size = dict(min_size=min_size, max_size=max_size)
    if architecture == "efficientnet_lite0":
        return efficientnet_lite0(classes, size)
    from torchvision.models import mobilenet_v3_large, resnet50
    from torchvision.models.detection import backbone_utils, faster_rcnn

    if architecture == "fasterrcnn_resnet50_fpn":
        backbone = backbone_utils._resnet_fpn_extractor(resnet50(norm_layer=FrozenBatchNorm2d), trainable_layers)
        return FasterRCNN(backbone, classes, **size)
    backbone = backbone_utils._mobilenet_extractor(mobilenet_v3_large(norm_layer=FrozenBatchNorm2d), True, trainable_layers)
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    few = dict(rpn_pre_nms_top_n_test=150, rpn_post_nms_top_n_test=150, rpn_score_thresh=0.05)
    assert architecture == "fasterrcnn_mobilenet_v3_large_320_fpn", architecture
    return FasterRCNN(backbone, classes, rpn_anchor_generator=anchors, **few, **size)


def pretrained(model, path):
    """Fills the body from a classifier's file."""
    arrays = {name: array for name, array in torch.load(path, weights_only=True).items() if not name.startswith(("_conv_head", "_bn1", "_fc"))}
    missing, unexpected = model.backbone.body.load_state_dict(arrays, strict=False)
    unexpected = [name for name in unexpected if not name.endswith("num_batches_tracked")]
    assert not missing and not unexpected, (missing, unexpected)


class Images(torch.utils.data.Dataset):
    """Images in `[0, 1]` with boxes and labels from 1; by chance mirrored and with other colours."""

    def __init__(self, dataset, folder, jitter=None, flip=0.0):
        self.images, self.folder, self.jitter, self.flip = dataset["images"], Path(folder), jitter, flip
        self.labels = {name: number + 1 for number, name in enumerate(dataset["classes"])}

    def __len__(self):
        return len(self.images)

    def __getitem__(self, at):
        entry = self.images[at]
        image = read_image(str(self.folder / entry["file"]), ImageReadMode.RGB).float() / 255.0
        boxes = torch.tensor([found["box"] for found in entry["boxes"]], dtype=torch.float32).reshape(-1, 4)
        labels = torch.tensor([self.labels[found["class"]] for found in entry["boxes"]], dtype=torch.int64)
        if self.jitter:
            for change in (colours.adjust_brightness, colours.adjust_saturation, colours.adjust_contrast):
                if torch.rand(()) < 0.5:
                    image = change(image, float(torch.empty(()).uniform_(1 - self.jitter, 1 + self.jitter)))
        if self.flip and torch.rand(()) < self.flip:
            image, width = image.flip(2), image.shape[2]
            boxes = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
        return image, {"boxes": boxes, "labels": labels}


def together(pairs):
    return tuple(zip(*pairs))


def batches(dataset, size, shuffle, workers=0):
    return torch.utils.data.DataLoader(dataset, size, shuffle=shuffle, num_workers=workers, collate_fn=together)


def rate(iteration, total, top, warm_up):
    """A linear rise, and half a cosine from the first iteration to the last."""
    warm_up = min(warm_up, total // 2)
    return top * min((iteration + 1) / warm_up if warm_up else 1.0, 1.0) * 0.5 * (1 + math.cos(math.pi * iteration / total))


def train(model, data, *, epochs, batch_size, learning_rate, warm_up, clip_norm=5.0, momentum=0.9, weight_decay=5e-4, workers=0, told=print):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, learning_rate, momentum=momentum, weight_decay=weight_decay)
    loader = batches(data, batch_size, shuffle=True, workers=workers)
    total, iteration = epochs * len(loader), 0
    model.train()
    for epoch in range(epochs):
        losses = 0.0
        for images, targets in loader:
            for group in optimizer.param_groups:
                group["lr"] = rate(iteration, total, learning_rate, warm_up)
            loss = sum(model(list(images), list(targets)).values())
            assert torch.isfinite(loss), loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, clip_norm)
            optimizer.step()
            losses, iteration = losses + loss.item(), iteration + 1
        told({"event": "progress", "done": epoch + 1, "total": epochs, "unit": "epoch", "fields": {"loss": losses / len(loader)}})


def run_train(given):
    dataset = json.loads(Path(given.dataset).read_text())
    torch.manual_seed(given.seed)
    settings = dict(architecture=given.architecture, classes=len(dataset["classes"]) + 1, min_size=given.min_size, max_size=given.max_size)
    model = build(**settings)
    if given.weights:
        pretrained(model, given.weights)
    train(
        model,
        Images(dataset, given.images, jitter=0.5, flip=0.5),
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        warm_up=given.warm_up,
        told=lambda progress: print(json.dumps(progress), flush=True),
    )
    folder = Path(given.model)
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(settings))
    save_file({name: array.contiguous() for name, array in model.state_dict().items()}, str(folder / "model.safetensors"))


@torch.inference_mode()
def run_detect(given):
    dataset = json.loads(Path(given.dataset).read_text())
    model = build(**json.loads((Path(given.model) / "settings.json").read_text()))
    model.load_state_dict(load_file(str(Path(given.model) / "model.safetensors")))
    model.eval()
    found = []
    for images, _ in batches(Images(dataset, given.images), 4, shuffle=False):
        for answer in model(list(images)):
            boxes = zip(answer["boxes"].tolist(), answer["labels"].tolist(), answer["scores"].tolist())
            entry = dataset["images"][len(found)]
            found.append({"id": entry["id"], "boxes": [{"box": box, "class": dataset["classes"][label - 1], "score": score} for box, label, score in boxes]})
    Path(given.detections).write_text(json.dumps({"classes": dataset["classes"], "images": found}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train")
    for name in ("dataset", "images", "model"):
        command.add_argument(name)
    command.add_argument("--architecture", default="efficientnet_lite0")
    command.add_argument("--weights")
    for name, kind in (("min-size", int), ("max-size", int), ("epochs", int), ("batch-size", int), ("learning-rate", float), ("warm-up", int), ("seed", int)):
        command.add_argument(f"--{name}", type=kind, required=True)
    command.add_argument("--threads", type=int, default=1)
    command.set_defaults(run=run_train)
    command = commands.add_parser("detect")
    for name in ("model", "dataset", "images", "detections"):
        command.add_argument(name)
    command.add_argument("--threads", type=int, default=1)
    command.set_defaults(run=run_detect)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.run(given)


if __name__ == "__main__":
    main()
