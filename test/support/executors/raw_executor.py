"""A custom executor in Python's standard library alone: runs the data of each task with sh and says how it went."""
import base64
import http.client
import json
import os
import subprocess
import time
import uuid

IDS = {
    "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
    "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
}


def call(body):
    connection = http.client.HTTPConnection(os.environ["MESOS_AGENT_ENDPOINT"])
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    connection.request("POST", "/slave(1)/api/v1/executor", json.dumps({**IDS, **body}), headers)
    return connection.getresponse()


def update(task_id, state):
    # As small as the API allows: the agent adds itself and the executor.
    status = {
        "task_id": task_id,
        "state": state,
        "source": "SOURCE_EXECUTOR",
        "timestamp": time.time(),
        "uuid": base64.b64encode(uuid.uuid4().bytes).decode(),
    }
    answer = call({"type": "UPDATE", "update": {"status": status}})
    assert answer.status == 202, answer.read()


def main():
    stream = call({"type": "SUBSCRIBE", "subscribe": {}})
    assert stream.status == 200, stream.read()
    while True:
        event = json.loads(stream.read(int(stream.readline())))
        if event["type"] == "SHUTDOWN":
            return
        if event["type"] == "LAUNCH":
            task = event["launch"]["task"]
            update(task["task_id"], "TASK_RUNNING")
            code = subprocess.call(base64.b64decode(task["data"]).decode(), shell=True)
            update(task["task_id"], "TASK_FINISHED" if code == 0 else "TASK_FAILED")


main()
