#!/bin/sh
# The steps of the Dockerfile without a container builder, and a test of what they give:
# installs into a temporary folder, starts the service as its entry point does, waits as its health check does, reads a page.
# With an address, tests a container that runs already:  docker/smoke.sh http://127.0.0.1:5001
set -eu
cd "$(dirname "$0")/.."
key=smoke-$$
address=${1-}
if [ -z "$address" ]; then
    folder=$(mktemp -d)
    trap 'kill "$service" 2>/dev/null || true; rm -rf "$folder"' EXIT
    service=
    sh docker/install.sh dependencies cpu "$folder/venv"
    sh docker/install.sh package "$folder/venv"
    echo "installed: $(du -sm "$folder/venv" | cut -f1) MB"
    port=5987
    address=http://127.0.0.1:$port
    env -i PATH="$folder/venv/bin:$PATH" HOME="$folder" XDG_CACHE_HOME="$folder/cache" XDG_STATE_HOME="$folder/state" \
        GOT_OCR_API_KEYS="$key" got-ocr serve --host 0.0.0.0 --cache --port $port &
    service=$!
else
    key=${GOT_OCR_API_KEYS-}
fi
python3 - "$address" "$key" examples/pages/notice.jpg <<'PYTHON'
import sys, time, urllib.error, urllib.request

address, key, page = sys.argv[1:]
deadline = time.monotonic() + 120
while True:
    try:
        urllib.request.urlopen(f"{address}/ready", timeout=4)
        break
    except OSError:
        if time.monotonic() > deadline:
            raise SystemExit("the service is not ready after two minutes")
        time.sleep(0.5)
data = open(page, "rb").read()
headers = {"Content-Type": "image/jpeg", "Accept": "text/plain"}
try:
    urllib.request.urlopen(urllib.request.Request(f"{address}/v1/read", data, headers))
    raise SystemExit("the service read a page without a key")
except urllib.error.HTTPError as error:
    assert error.code == 401, error
text = urllib.request.urlopen(urllib.request.Request(f"{address}/v1/read", data, {**headers, "X-Api-Key": key})).read().decode()
assert "The north stairs are closed" in text, text
print("smoke test passed")
PYTHON
if [ -n "${service-}" ]; then
    kill -TERM "$service"
    wait "$service"  # status 0: what was accepted was finished
fi
