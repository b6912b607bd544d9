// http_client.js HOST: one page, ten pages over a kept connection, a closed port, an unknown name.
const http = require('http');
const host = process.argv[2];

function get(name, options) {
  return new Promise((resolve) => {
    const request = http.get(options, (response) => {
      let size = 0;
      response.on('data', (chunk) => { size += chunk.length; });
      response.on('end', () => resolve(`${name}: ${response.statusCode}, ${size} octets`));
    });
    request.on('error', (error) => resolve(`${name}: ${error.code} ${error.syscall}`));
  });
}

(async () => {
  console.log(await get('page', { host, path: '/' }));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let n = 0; n < 10; ++n) console.log(await get(`kept ${n}`, { host, path: '/big', agent }));
  agent.destroy();
  console.log(await get('closed', { host, port: 81 }));
  console.log(await get('unknown', { host: `nobody.${host}` }));
})();
