// http_server.js PORT: answers each request with what it saw of it: method, length, digest, and
// whether the peer is the machine itself.
const http = require('http');
const crypto = require('crypto');

http.createServer((request, response) => {
  const digest = crypto.createHash('sha256');
  let size = 0;
  request.on('data', (chunk) => { size += chunk.length; digest.update(chunk); });
  request.on('end', () => {
    const peer = request.socket.remoteAddress.replace('::ffff:', '');
    const who = peer === '127.0.0.1' ? 'this machine' : 'another machine';
    response.end(`${request.method} of ${size} octets, ${digest.digest('hex')}, from ${who}\n`);
  });
}).listen(Number(process.argv[2]));
