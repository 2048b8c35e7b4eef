"""Writes training.json: what torch.optim makes of listed gradients, its schedulers' rates, and its averaged weights.

    python training.py > training.json    # torch 2.13, CPU

A weight of two by two and a bias of two take six steps under given gradients, so no network is needed to check an optimizer.
"""

import json
import warnings

import torch
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, MultiStepLR, OneCycleLR, StepLR
from torch.optim.swa_utils import get_ema_avg_fn

warnings.filterwarnings("ignore")
torch.manual_seed(0)
STEPS = 6
WEIGHT, BIAS = torch.randn(2, 2), torch.randn(2)
GRADIENTS = [(torch.randn(2, 2), torch.randn(2)) for _ in range(STEPS)]
RATES = [0.1, 0.1, 0.08, 0.05, 0.05, 0.02]


def flat(weight, bias):
    return [*weight.flatten().tolist(), *bias.tolist()]


def optimizer_case(name, make, decay, decay_norm_and_bias=True):
    weight, bias = torch.nn.Parameter(WEIGHT.clone()), torch.nn.Parameter(BIAS.clone())
    groups = [
        {"params": [weight], "weight_decay": decay},
        {"params": [bias], "weight_decay": decay if decay_norm_and_bias else 0.0},
    ]
    optimizer = make(groups)
    after = []
    for (weight.grad, bias.grad), rate in zip(GRADIENTS, RATES):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        after.append(flat(weight.detach(), bias.detach()))
    return name, after


def sgd(**options):
    return lambda groups: torch.optim.SGD(groups, lr=0.1, **options)


def adamw(**options):
    return lambda groups: torch.optim.AdamW(groups, lr=0.1, **options)


OPTIMIZERS = dict([
    optimizer_case("sgd", sgd(), 0.0),
    optimizer_case("sgd_momentum_decay", sgd(momentum=0.9), 0.05),
    optimizer_case("sgd_nesterov_decay", sgd(momentum=0.9, nesterov=True), 0.05),
    optimizer_case("sgd_decay_of_weights_only", sgd(momentum=0.9), 0.05, decay_norm_and_bias=False),
    optimizer_case("adamw", adamw(), 0.0),
    optimizer_case("adamw_decay", adamw(), 0.05),
    optimizer_case("adamw_other_betas", adamw(betas=(0.8, 0.95), eps=1e-3), 0.05),
    optimizer_case("adamw_decay_of_weights_only", adamw(), 0.05, decay_norm_and_bias=False),
])

TOTAL, RATE = 40, 0.4
SHAPES = {
    "constant": lambda o: ConstantLR(o, factor=1.0),
    "step": lambda o: StepLR(o, step_size=15, gamma=0.3),
    "multi_step": lambda o: MultiStepLR(o, milestones=[10, 25, 36], gamma=0.1),
    "cosine": lambda o: CosineAnnealingLR(o, T_max=TOTAL),
    "one_cycle": lambda o: OneCycleLR(o, max_lr=RATE, total_steps=TOTAL, cycle_momentum=False),
    "one_cycle_early": lambda o: OneCycleLR(
        o, max_lr=RATE, total_steps=TOTAL, pct_start=0.2, div_factor=10, final_div_factor=100, cycle_momentum=False
    ),
}


def rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    scheduler = make(optimizer)
    seen = []
    for _ in range(TOTAL):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def schedules():
    found = {}
    for name, make in SHAPES.items():
        found[name] = rates(make)
        warm_up = 5
        # The ramp is a factor, as in torchvision's reference training: near 0 at first, 1 from iteration 4 on.
        ramp = rates(lambda o: LinearLR(o, start_factor=1 / warm_up, total_iters=warm_up - 1))
        found[f"{name}_warm_up"] = [a * b / RATE for a, b in zip(found[name], ramp)]
    return found


def averaged(decay):
    average, values = get_ema_avg_fn(decay), []
    mean = WEIGHT.clone()
    for weight, _ in GRADIENTS:
        mean = average(mean, weight, 0)
        values.append(mean.flatten().tolist())
    return values


def text(value, depth=1):
    """JSON with a list a line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    lines = [f"{' ' * depth}{json.dumps(name)}: {text(part, depth + 1)}" for name, part in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + " " * (depth - 1) + "}"


print(text({
    "made_with": f"torch {torch.__version__}",
    "start": flat(WEIGHT, BIAS),
    "gradients": [flat(*gradient) for gradient in GRADIENTS],
    "learning_rates": RATES,
    "optimizers": OPTIMIZERS,
    "schedules": schedules(),
    "average_of_gradients": {"decay": 0.9, "values": averaged(0.9)},
}))
