#!/usr/bin/env python3
"""A stand-in for sbatch, squeue, scontrol, scancel and sacct: `fake.py PROGRAM ARGUMENTS..`, with all that it knows in $FAKE_SLURM.

What a test may put there:
  hold        while it is there nothing starts
  odd-PROGRAM answers for the next calls, one a line: `fail TEXT`, `print TEXT`, `sleep SECONDS`, `take-then-fail TEXT` (sbatch),
              `kill-first` and `kill-after` (sbatch: the run is killed before or after the job is taken), `-` (as usual)
  doom        what becomes of the next jobs that start, one a line: a state, or `-` (as usual)
  kill-now    a state: every job that runs is killed and ends so
  forget      while it is there squeue and scontrol do not know jobs that have ended
  accounting  while it is there sacct does
  private     while it is there squeue refuses to show the jobs of all users

Whose jobs are submitted and asked for says $FAKE_SLURM_USER.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ["FAKE_SLURM"])
USER = os.environ.get("FAKE_SLURM_USER", "me")
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED"}


@contextlib.contextmanager
def locked():
    with open(HOME / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def next_line(name):
    """Takes the first line from a file of lines."""
    with locked():
        path = HOME / name
        lines = path.read_text().splitlines() if path.exists() else []
        if not lines:
            return "-"
        path.write_text("\n".join(lines[1:]) + "\n" if lines[1:] else "")
        return lines[0]


def tasks():
    """All jobs that there have been, by number and place in the array."""
    return [json.loads(path.read_text()) for path in sorted(HOME.glob("jobs/*/*.json"))]


def save(task):
    path = HOME / "jobs" / str(task["job"]) / f"{task['index']:04}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps(task))
    aside.rename(path)


def load(job, index):
    return json.loads((HOME / "jobs" / str(job) / f"{index:04}.json").read_text())


def move(task, state, **more):
    """Changes how a job stands, unless it has ended."""
    with locked():
        now = load(task["job"], task["index"])
        if now["state"] not in ENDED:
            now.update(state=state, **more)
            save(now)
        return now


def flag(arguments, name, default=""):
    found = [a.split("=", 1)[1] for a in arguments if a.startswith(f"--{name}=")]
    return found[-1] if found else default


def sbatch(arguments, odd):
    script = sys.stdin.read()
    if odd == "kill-first":
        os.kill(os.getppid(), signal.SIGKILL)
        sys.exit(1)
    with locked():
        job = max([task["job"] for task in tasks()], default=100) + 1
        first, last = flag(arguments, "array", "0-0").split("-")
        for index in range(int(first), int(last) + 1):
            save({"job": job, "index": index, "name": flag(arguments, "job-name"), "state": "PENDING", "flags": arguments, "user": USER})
        alive = sum(task["state"] not in ENDED for task in tasks())
        with open(HOME / "alive", "a") as file:
            file.write(f"{alive}\n")
        (HOME / "jobs" / str(job) / "script").write_text(script)
    for index in range(int(first), int(last) + 1):
        subprocess.Popen(
            [sys.executable, __file__, "task", str(job), str(index)],
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
    if odd == "kill-after":
        os.kill(os.getppid(), signal.SIGKILL)
        sys.exit(1)
    if odd.startswith("take-then-fail "):
        sys.exit(odd.split(" ", 1)[1])
    print(job)


def run_task(job, index):
    """A job on its node."""
    task = load(job, index)
    while (HOME / "hold").exists():
        time.sleep(0.02)
        if load(job, index)["state"] in ENDED:
            return
    doom = next_line("doom")
    environment = dict(os.environ, SLURM_ARRAY_TASK_ID=str(index), SLURM_ARRAY_JOB_ID=str(job), SLURM_JOB_ID=f"{job}{index:03}", SLURMD_NODENAME="node1")
    script = HOME / "jobs" / str(job) / "script"
    task = move(task, "RUNNING", node="node1", start=int(time.time()))
    if task["state"] != "RUNNING":
        return
    if doom != "-":
        move(task, doom)
        return
    with open(flag(task["flags"], "output").replace("%A", str(job)).replace("%a", str(index)), "ab") as output:
        child = subprocess.Popen(["sh", str(script)], env=environment, start_new_session=True, stdout=output, stderr=output)
    move(task, "RUNNING", pid=child.pid)
    while child.poll() is None:
        kill = HOME / "kill-now"
        if kill.exists():
            move(task, kill.read_text().strip())
            os.killpg(child.pid, signal.SIGKILL)
        if load(job, index)["state"] == "CANCELLED":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        time.sleep(0.02)
    move(task, "COMPLETED" if child.returncode == 0 else "FAILED")


def known(task):
    return not ((HOME / "forget").exists() and task["state"] in ENDED)


def squeue(arguments, odd):
    names = flag(arguments, "name").split(",")
    if "--me" not in arguments and (HOME / "private").exists():
        sys.exit("slurm_load_jobs error: Access/permission denied")
    waiting = {}
    for task in tasks():
        if task["name"] not in names or not known(task):
            continue
        if "--me" in arguments and task["user"] != USER:
            continue
        if task["state"] == "PENDING":
            waiting.setdefault((task["job"], task["name"]), []).append(str(task["index"]))
        else:
            print(f"{task['job']}_{task['index']}|{task['state']}|{task.get('node', '')}|None|{task.get('start', 'N/A')}|{task['name']}")
    for (job, name), indices in waiting.items():
        # As the real one: neighbours as a range.
        both = [indices[0]] if len(indices) == 1 else [f"{indices[0]}-{indices[-1]}%4"]
        if len(indices) != int(indices[-1]) - int(indices[0]) + 1:
            both = indices
        print(f"{job}_[{','.join(both)}]|PENDING||Priority|N/A|{name}")


def of_id(text):
    job, _, index = text.partition("_")
    return [task for task in tasks() if str(task["job"]) == job and index in ("", str(task["index"]))]


def scontrol(arguments, odd):
    found = [task for task in of_id(arguments[-1]) if known(task)]
    if not found:
        sys.exit("slurm_load_jobs error: Invalid job id specified")
    for task in found:
        print(f"JobId=1 ArrayJobId={task['job']} ArrayTaskId={task['index']} JobState={task['state']} Reason=None NodeList=node1")


def sacct(arguments, odd):
    if not (HOME / "accounting").exists():
        sys.exit("Slurm accounting storage is disabled")
    for task in of_id(flag(arguments, "jobs")):
        print(f"{task['state']}|node1")


def scancel(arguments, odd):
    for argument in arguments:
        for task in of_id(argument):
            move(task, "CANCELLED")


def main():
    program, arguments = sys.argv[1], sys.argv[2:]
    if program == "task":
        return run_task(int(arguments[0]), int(arguments[1]))
    with open(HOME / "calls", "a") as file:
        file.write(json.dumps([program, *arguments]) + "\n")
    odd = next_line(f"odd-{program}")
    if odd.startswith("sleep "):
        time.sleep(float(odd.split(" ", 1)[1]))
    if odd.startswith("fail "):
        sys.exit(odd.split(" ", 1)[1])
    if odd.startswith("print "):
        print(odd.split(" ", 1)[1])
        return None
    return {"sbatch": sbatch, "squeue": squeue, "scontrol": scontrol, "sacct": sacct, "scancel": scancel}[program](arguments, odd)


main()
