"""A web site whose page does what pages do (many requests at once, an upload, a download, a WebSocket,
server-sent events, a closed port) and posts what came of it; as user, the site shows the newest such
report at /report, once it is there.

  browsed_site.py PORT"""
import asyncio
import sys

import tornado.web
import tornado.websocket

PAGE = """<!doctype html><title>site</title><script>
const steps = {
  fetches: async () => {
    const numbers = [...Array(40).keys()];
    const texts = await Promise.all(numbers.map(n => fetch('/number/' + n).then(r => r.text())));
    return texts.filter((text, n) => text == 'number ' + n).length;
  },
  upload: async () => {
    const body = new Uint8Array(5000000).map((_, n) => n * 7);
    return (await fetch('/upload', {method: 'POST', body})).text();
  },
  download: async () => (await (await fetch('/download')).arrayBuffer()).byteLength,
  websocket: () => new Promise((done, failed) => {
    const socket = new WebSocket('ws://' + location.host + '/websocket');
    let got = '';
    socket.onopen = () => { for (let n = 0; n < 5; ++n) socket.send(n); };
    socket.onmessage = message => { got += message.data; if (got.length == 5) socket.close(); };
    socket.onclose = () => done(got);
    socket.onerror = failed;
  }),
  events: () => new Promise((done, failed) => {
    const source = new EventSource('/events');
    let got = '';
    source.onmessage = message => { got += message.data; if (got.length == 3) { source.close(); done(got); } };
    source.onerror = failed;
  }),
  closed: () => fetch('http://' + location.hostname + ':81/').catch(error => error.name),
};
(async () => {
  const report = [];
  for (const [name, step] of Object.entries(steps))
    report.push(name + ': ' + await step().catch(error => 'failed, ' + error));
  await fetch('/report', {method: 'POST', body: report.join('\\n') + '\\n'});
})();
</script>"""


class Page(tornado.web.RequestHandler):
    def get(self):
        self.write(PAGE)


class Number(tornado.web.RequestHandler):
    async def get(self, number):
        await asyncio.sleep(0.02)  # so that they are under way together
        self.write(f"number {number}")


class Upload(tornado.web.RequestHandler):
    def post(self):
        self.write(f"{len(self.request.body)} octets, sum {sum(self.request.body)}")


class Download(tornado.web.RequestHandler):
    def get(self):
        self.write(bytes(8_000_000))


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


class Events(tornado.web.RequestHandler):
    async def get(self):
        self.set_header("Content-Type", "text/event-stream")
        for number in range(3):
            self.write(f"data: {number}\n\n")
            await self.flush()


class Report(tornado.web.RequestHandler):
    there = asyncio.Event()
    text = b""

    def post(self):
        Report.text = self.request.body
        Report.there.set()

    async def get(self):
        await Report.there.wait()
        Report.there.clear()
        self.write(Report.text)


async def main():
    site = tornado.web.Application([
        ("/", Page), (r"/number/(\d+)", Number), ("/upload", Upload), ("/download", Download),
        ("/websocket", Echo), ("/events", Events), ("/report", Report)])
    site.listen(int(sys.argv[1]))
    await asyncio.Event().wait()

asyncio.run(main())
