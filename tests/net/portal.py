"""A captive portal: sends whoever asks for a page to its own. Prints a line once it listens; knows nothing of
Culvert.

    portal.py PORT URL
"""
import http.server
import sys


class Portal(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", sys.argv[2])
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET


server = http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Portal)
print("ready", flush=True)
server.serve_forever()
