"""A process for supervisor tests: serves /ready, and behaves as its first argument says.

well: stops on SIGTERM · stubborn: ignores SIGTERM and has a child of its own · broken: ends at once
· unready: never ready.
"""

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEHAVIOUR = sys.argv[1]
LIFE_S = 120.0


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if BEHAVIOUR == "unready" else 200)
        self.end_headers()
        self.wfile.write(b'{"reasons": ["waits for nothing"]}')

    def log_message(self, *_: object) -> None:
        return


def main() -> int:
    if BEHAVIOUR == "broken":
        print("the setting KYUFU_EXAMPLE is missing", file=sys.stderr)
        return 3
    ended = threading.Event()
    if BEHAVIOUR == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        grandchild = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({LIFE_S})"])
        print(f"grandchild {grandchild.pid}", flush=True)
    else:
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["KYUFU_METRICS_PORT"])), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ended.wait(LIFE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
