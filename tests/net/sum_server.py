#!/usr/bin/env python3
"""A web server that answers a PUT with the SHA-256 of what came, in hex.

    sum_server.py PORT
"""
import hashlib
import http.server
import sys


class Sums(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left:
            some = self.rfile.read(min(left, 65536))
            if not some:
                return
            digest.update(some)
            left -= len(some)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(digest.hexdigest().encode() + b"\n")


http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Sums).serve_forever()
