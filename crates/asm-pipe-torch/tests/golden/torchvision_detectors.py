"""What torchvision's detectors answer under weights that follow from the parameters' names (`parity.rs` has the rule).

`python torchvision_detectors.py OUT` writes OUT/<model>.safetensors, for the images and targets of
fasterrcnn_resnet50_fpn.safetensors beside it, and OUT/<model>.names.txt, every name of the state dict with its shape. Sampling of
anchors and proposals is out of play: the batch sizes exceed their number. Made with torch 2.13, torchvision 0.28, on a CPU.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import mobilenet_v2, mobilenet_v3_large, resnet50
from torchvision.models.detection import FasterRCNN, RetinaNet, fasterrcnn_resnet50_fpn_v2
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import _mobilenet_extractor, _resnet_fpn_extractor
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelP6P7
from torchvision.ops.misc import FrozenBatchNorm2d

SIZE = dict(min_size=160, max_size=224)
# Few proposals, and none cut off: which of two nearly equal ones is the last would otherwise depend on rounding.
FEW = dict(rpn_batch_size_per_image=10**7, box_batch_size_per_image=10**6, rpn_nms_thresh=0.3)


def uniform(name, count):
    """FNV-1a of the name, then SplitMix64 from there: numbers in [-1, 1)."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**24 * 2 - 1


def fill(model):
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.zero_()
            continue
        u = uniform(name, tensor.numel()).reshape(tensor.shape)
        if tensor.ndim >= 2:
            gain = 8.0 if name.endswith(("cls_score.weight", "cls_logits.weight")) else 0.5 if name.endswith("bbox_pred.weight") else 1.0
            u = u * gain * np.sqrt(3.0 / np.prod(tensor.shape[1:]))
        elif name.endswith(".weight"):
            u = 0.75 + 0.25 * u
        elif name.endswith("running_var"):
            u = 1 + 0.25 * u
        else:
            u = 0.05 * u
        tensor.copy_(torch.from_numpy(np.asarray(u, dtype=np.float32)))


def resnet50_fpn_v2():
    return fasterrcnn_resnet50_fpn_v2(
        weights=None, weights_backbone=None, num_classes=21, trainable_backbone_layers=5, **SIZE, **FEW
    )


def mobile():
    backbone = mobilenet_v2(weights=None).features
    backbone.out_channels = 1280
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),))
    pool = MultiScaleRoIAlign(["0"], 7, 2)
    return FasterRCNN(backbone, 21, rpn_anchor_generator=anchors, box_roi_pool=pool, **SIZE, **FEW)


def retinanet(extra):
    backbone = _resnet_fpn_extractor(resnet50(weights=None, norm_layer=FrozenBatchNorm2d), 3, returned_layers=[2, 3, 4], extra_blocks=extra)
    return RetinaNet(backbone, 21, **SIZE)


def only_names():
    """Models whose answers are held elsewhere; here for their names alone."""
    resnet = _resnet_fpn_extractor(resnet50(weights=None, norm_layer=FrozenBatchNorm2d), 3)
    yield "fasterrcnn_resnet50_fpn", FasterRCNN(resnet, 21)
    mobilenet = _mobilenet_extractor(mobilenet_v3_large(weights=None, norm_layer=FrozenBatchNorm2d), True, 3)
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    yield "fasterrcnn_mobilenet_v3_large_fpn", FasterRCNN(mobilenet, 21, rpn_anchor_generator=anchors)


CASES = {
    "fasterrcnn_resnet50_fpn_v2": resnet50_fpn_v2,
    "mobile": mobile,
    "retinanet_resnet50_fpn": lambda: retinanet(LastLevelP6P7(256, 256)),
    "retinanet_on_c5": lambda: retinanet(LastLevelP6P7(2048, 256)),
}
GRADIENTS = ("cls_score.weight", "bbox_pred.bias", "rpn.head.cls_logits.weight", "fpn.layer_blocks.0.0.weight", "box_head.0.1.weight",
             "box_head.5.weight", "head.conv.1.0.weight", "extra_blocks.p6.weight", "classification_head.cls_logits.weight",
             "regression_head.bbox_reg.weight", "classification_head.conv.0.0.weight", "layer4.2.bn3.weight", "layer2.0.conv1.weight",
             "backbone.0.0.weight", "backbone.18.1.bias", "backbone.7.conv.1.0.weight", "fpn.inner_blocks.2.1.weight")


def sample(tensor, most=256):
    """Every k-th element in row-major order, k the least that leaves at most `most`."""
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, -(-flat.numel() // most))].clone()


def write_names(path, model):
    lines = [" ".join([name, *map(str, tensor.shape)]) for name, tensor in sorted(model.state_dict().items())]
    path.write_text("\n".join(lines) + "\n")


def step(model, images, targets, record, prefix):
    losses = model(images, targets)
    sum(losses.values()).backward()
    for what, value in losses.items():
        record[f"{prefix}loss.{what}"] = value.detach().reshape(1)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and name.endswith(GRADIENTS):
            record[f"{prefix}grad.{name}.sample"] = sample(parameter.grad)
            record[f"{prefix}grad.{name}.norm"] = parameter.grad.norm().reshape(1)
    return losses


def answers(model, images, targets):
    record = {}
    model.eval()
    with torch.no_grad():
        batch, _ = model.transform(images)
        features = model.backbone(batch.tensors)
        features = [features] if isinstance(features, torch.Tensor) else list(features.values())
        if isinstance(model, RetinaNet):
            head = model.head(features)
            outputs = {"logits": [head["cls_logits"]], "offsets": [head["bbox_regression"]]}
        else:
            objectness, deltas = model.rpn.head(features)
            outputs = {"objectness": objectness, "rpn_delta": deltas}
            named = {str(at): level for at, level in enumerate(features)}
            for at, rows in enumerate(model.rpn(batch, named)[0]):
                record[f"proposals.{at}"] = rows
        detections = model(images)
    record["batch.image_sizes"] = torch.tensor(batch.image_sizes)
    for what, list_ in {"feature": features, **outputs}.items():
        for level, tensor in enumerate(list_):
            record[f"{what}.{level}.shape"], record[f"{what}.{level}.sample"] = torch.tensor(tensor.shape), sample(tensor)
    for at, found in enumerate(detections):
        for what, tensor in found.items():
            record[f"detections.{at}.{what}"] = tensor
    live = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    model.train()
    if live:
        # Through many live batch norms in a row gradients are not determined to three digits: torchvision's own differ by up to 16
        # percent between two layouts of the same numbers in memory. So first with fixed statistics, where they are.
        for module in live:
            module.eval()
        step(model, images, targets, record, "fixed.")
        model.zero_grad()
        for module in live:
            module.train()
    losses = step(model, images, targets, record, "")
    # Live batch norm has learned from the step.
    for name, buffer in model.named_buffers():
        if name.endswith(("layer1.0.bn1.running_mean", "layer4.2.bn3.running_var", "box_head.3.1.running_var", "backbone.18.1.running_mean", "backbone.0.1.num_batches_tracked")) and live:
            record[f"after.{name}"] = sample(buffer) if buffer.ndim else buffer.reshape(1)
    record["trainable"] = torch.tensor([sum(p.numel() for p in model.parameters() if p.requires_grad)])
    return record, losses, detections


def main(out):
    given = load_file(out / "fasterrcnn_resnet50_fpn.safetensors")
    images = [given[f"image.{at}"] for at in range(2)]
    targets = [{"boxes": given[f"target.{at}.boxes"], "labels": given[f"target.{at}.labels"]} for at in range(2)]
    for name, model in only_names():
        write_names(out / f"{name}.names.txt", model)
    for name, make in CASES.items():
        model = make()
        write_names(out / f"{name}.names.txt", model)
        fill(model)
        record, losses, detections = answers(model, images, targets)
        save_file({key: value.contiguous() for key, value in record.items()}, str(out / f"{name}.safetensors"))
        print(name, {k: round(v.item(), 5) for k, v in losses.items()}, [len(d["boxes"]) for d in detections],
              [[round(float(s), 5) for s in d["scores"][:4]] for d in detections],
              [int((d["labels"] == 0).sum()) for d in detections],
              [k for k in record if k.startswith(("grad", "after"))])


main(Path(sys.argv[1]))
