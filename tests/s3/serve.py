#!/usr/bin/env python3
"""Serves S3's protocol on a loopback address: moto's server, with a bucket, a user and that user's key.

    tests/s3/serve.py FOLDER

FOLDER gets the packages that this needs (pip install --target), unless they are there. The first line on stdout says where the server
is and what lets one in; then a command a line on stdin is answered by a line of JSON. It ends with its stdin.
"""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ["moto[s3]>=5.1,<6", "flask", "flask-cors"]
BUCKET = "team"
# What is asked below before credentials are looked at: a bucket, a user, a policy, a key.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"


def fetch(folder):
    done = folder / ".done"
    if not done.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(folder), *PACKAGES]
        quiet = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        # What pip says of packages elsewhere on the machine is of no matter here.
        pip = subprocess.run(command, env={**os.environ, **quiet}, capture_output=True, text=True)
        if pip.returncode:
            print(pip.stderr, file=sys.stderr)
            sys.exit("error: pip could not fetch moto's server\n  hint: look at the message above: network, proxy or index settings")
        done.touch()
    sys.path.insert(0, str(folder))


def main():
    fetch(Path(sys.argv[1]).resolve())
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"

    def client(service, key="setup", secret="setup"):
        return boto3.client(
            service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret
        )

    client("s3").create_bucket(Bucket=BUCKET)
    iam = client("iam")
    iam.create_user(UserName="member")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="member", PolicyName="all", PolicyDocument=json.dumps(allow))
    made = iam.create_access_key(UserName="member")["AccessKey"]
    key, secret = made["AccessKeyId"], made["SecretAccessKey"]
    print(json.dumps({"endpoint": endpoint, "key": key, "secret": secret}), flush=True)
    s3 = client("s3", key, secret)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "list":
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=command["prefix"])
            answer = [found["Key"] for page in pages for found in page.get("Contents", [])]
        elif command["do"] == "get":
            answer = s3.get_object(Bucket=BUCKET, Key=command["key"])["Body"].read().decode("utf-8", "replace")
        else:
            s3.put_object(Bucket=BUCKET, Key=command["key"], Body=command["text"].encode())
            answer = None
        print(json.dumps(answer), flush=True)


main()
