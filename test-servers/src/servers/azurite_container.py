"""Makes a container in Azurite. Arguments: address, account, key in base64, container."""

import base64
import email.utils
import hashlib
import hmac
import sys
import urllib.request

address, account, key, container = sys.argv[1:]
date = email.utils.formatdate(usegmt=True)
# Tests read the blobs without a signature.
headers = {"x-ms-blob-public-access": "container", "x-ms-date": date, "x-ms-version": "2021-08-06"}
# The text to sign has the method, eleven headers of HTTP, all empty, the headers of Azure, and the resource. The account is in
# the path, and so is there twice.
signed = "PUT" + "\n" * 12 + "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
signed += f"/{account}/{account}/{container}\nrestype:container"
signature = base64.b64encode(hmac.new(base64.b64decode(key), signed.encode(), hashlib.sha256).digest()).decode()
headers["Authorization"] = f"SharedKey {account}:{signature}"
headers["Content-Length"] = "0"
url = f"http://{address}/{account}/{container}?restype=container"
with urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers)) as answer:
    assert answer.status == 201, answer.status
