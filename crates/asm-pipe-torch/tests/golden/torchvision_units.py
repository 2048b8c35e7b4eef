"""What torchvision's small parts answer to numbers drawn at random: `python torchvision_units.py OUT` writes OUT/units.safetensors."""

import sys
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign, batched_nms, box_iou, sigmoid_focal_loss

torch.manual_seed(0)


def boxes(count, size=100.0):
    corner = torch.rand(count, 2) * size * 0.7
    return torch.cat([corner, corner + 2 + torch.rand(count, 2) * size * 0.5], 1)


record = {}
wanted, reference = boxes(40), boxes(40)
coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
offsets = torch.randn(40, 4) * 3
record |= {"coder.wanted": wanted, "coder.reference": reference, "coder.encoded": coder.encode_single(wanted, reference)}
record |= {"coder.offsets": offsets, "coder.decoded": coder.decode_single(offsets, reference)}

objects, candidates = boxes(6), boxes(300)
overlaps = box_iou(objects, candidates)
record |= {"matcher.objects": objects, "matcher.candidates": candidates}
for name, rule in (("rpn", (0.7, 0.3, True)), ("box", (0.5, 0.5, False)), ("retina", (0.5, 0.4, True))):
    record[f"matcher.{name}"] = Matcher(*rule)(overlaps)

crowd, scores, groups = boxes(200), torch.randperm(200) / 200.0, torch.randint(0, 3, (200,))
record |= {"nms.boxes": crowd, "nms.scores": scores, "nms.groups": groups, "nms.kept": batched_nms(crowd, scores, groups, 0.5)}

levels = [torch.randn(2, 3, 25, 32), torch.randn(2, 3, 13, 16)]
pooled = [torch.cat([boxes(8), torch.tensor([[90.0, 80.0, 128.0, 100.0], [0.0, 0.0, 128.0, 100.0]])]), boxes(5, 90.0)]
align = MultiScaleRoIAlign(["0", "1"], 7, 2, canonical_scale=60, canonical_level=3)
sizes = [(100, 128), (90, 110)]
record |= {"align.level.0": levels[0], "align.level.1": levels[1], "align.boxes.0": pooled[0], "align.boxes.1": pooled[1]}
# The canonical box of 60 pixels on level 3 is one of 120 on level 4.
record["align.pooled"] = align(OrderedDict(zip("01", levels)), pooled, sizes)

generator = AnchorGenerator(((16.0, 24.0), (32.0, 48.0)), ((0.5, 1.0, 2.0),) * 2)
images = ImageList(torch.zeros(1, 3, 96, 128), [(96, 128)])
record["anchors"] = generator(images, [torch.zeros(1, 1, 12, 16), torch.zeros(1, 1, 5, 7)])[0]

logits, targets = torch.randn(30, 4) * 3, (torch.rand(30, 4) < 0.2).float()
record |= {"focal.logits": logits, "focal.targets": targets, "focal.loss": sigmoid_focal_loss(logits, targets, reduction="sum").reshape(1)}

save_file({key: value.contiguous() for key, value in record.items()}, str(Path(sys.argv[1]) / "units.safetensors"))
