"""A program to measure: argv = batch_size source store report.

Batch size 200 is 10 % faster and goes wrong in a quarter of its runs, as the environment says: MODE is
`exit` (exit code 1, without a report), `lost` (two records are lost, said in the report, exit code 0),
`hang` (the run hangs) or `late` (exit code 1, in the runs after the first FIRST_GOOD ones, counted in
the file COUNT).
"""
import json, os, random, sys, time

batch, _source, _store, report = int(sys.argv[1]), *sys.argv[2:5]
mode = os.environ.get("MODE", "exit")
rate = 60000 * (1.1 if batch == 200 else 1) * random.gauss(1, 0.01)
books = {"read": 10, "committed": 10}
hit = batch == 200 and random.random() < 0.25
if batch == 200 and mode == "late":
    path = os.environ["COUNT"]
    number = int(open(path).read()) + 1 if os.path.exists(path) else 1
    with open(path, "w") as counter:
        counter.write(str(number))
    hit = number > int(os.environ["FIRST_GOOD"])
if hit and mode in ("exit", "late"):
    print("books do not balance: missing records 4, 5", file=sys.stderr)
    sys.exit(1)
if hit and mode == "hang":
    time.sleep(30)
if hit and mode == "lost":
    books["committed"] = 8
with open(report, "w") as file:
    json.dump({"format": 1, "settings": {"batch_size": batch}, "rec_per_min": rate, "books": books,
               "checksum": "ab" * 16, "rows": {"t": 10}}, file)
