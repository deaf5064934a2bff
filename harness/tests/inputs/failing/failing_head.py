"""A program to measure: argv = batch_size source store report arm.

Reports a rate around 60,000 records a minute. `arm` is `base` or `head`. The environment says what goes
wrong: MODE for the head, BASE_MODE for the base, and EVERY for how often (7: in every seventh run,
1: in every run, 0: in the first run only). Runs of an arm are counted in the file COUNT_<arm>, a path.
A rate follows from SEED, the arm and the number of the run.

lost_exit      three records are lost, said in the report, exit code 1
lost_quiet     the same with exit code 0
changed_exit   a row is missing, the books balance, exit code 1
doubled        more records have an outcome than were read
rare_fail      exit code 3, without a report
killed         the process is killed
no_report      exit code 0, without a report
torn_report    exit code 0, with half of a report
slow_tail      the run hangs for 30 s
hangs_after    the report is written, then the run hangs
hanging_child  a child process hangs, and the run waits for it
stopped        the process stops itself
"""
import json, os, random, signal, subprocess, sys, time

batch, _source, _store, report, arm = int(sys.argv[1]), *sys.argv[2:6]
mode = os.environ.get("MODE" if arm == "head" else "BASE_MODE", "")
every = int(os.environ.get("EVERY" if arm == "head" else "BASE_EVERY", "7"))

path = os.environ["COUNT_" + arm]
number = int(open(path).read()) + 1 if os.path.exists(path) else 1
with open(path, "w") as counter:
    counter.write(str(number))
hit = number == 1 if every == 0 else number % every == 3 % every

noise = random.Random("%s %s %d" % (os.environ.get("SEED", ""), arm, number))
result = {"format": 1, "settings": {"batch_size": batch}, "rec_per_min": 60000 * noise.gauss(1, 0.02),
          "books": {"read": 10, "committed": 10}, "checksum": "ab" * 16, "rows": {"t": 10}}
code = 0
if hit and mode in ("lost_exit", "lost_quiet"):
    result["books"] = {"read": 10, "committed": 7}
    print("books do not balance: 3 records are missing: 4, 5, 6", file=sys.stderr)
    code = 1 if mode == "lost_exit" else 0
if hit and mode == "changed_exit":
    result["rows"], code = {"t": 9}, 1
if hit and mode == "doubled":
    result["books"] = {"read": 10, "committed": 12}
if hit and mode == "rare_fail":
    sys.exit(3)
if hit and mode == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if hit and mode == "no_report":
    sys.exit(0)
if hit and mode == "slow_tail":
    time.sleep(30)
if hit and mode == "hanging_child":
    subprocess.run(["sleep", "30"])
if hit and mode == "stopped":
    os.kill(os.getpid(), signal.SIGSTOP)
text = json.dumps(result)
with open(report, "w") as file:
    file.write(text[:len(text) // 2] if hit and mode == "torn_report" else text)
if hit and mode == "hangs_after":
    time.sleep(30)
sys.exit(code)
