// Node's resolver of its own (c-ares): addresses, missing data, missing names.
const { promises: dns } = require('dns');
const [, , known, unknown] = process.argv;

async function show(what, question) {
  try {
    console.log(what, JSON.stringify(await question()));
  } catch (error) {
    console.log(what, error.code);
  }
}

(async () => {
  await show('A', () => dns.resolve4(known));
  await show('AAAA', () => dns.resolve6(known));
  await show('MX', () => dns.resolveMx(known));
  await show('unknown', () => dns.resolve4(unknown));
  await show('many', async () =>
    (await Promise.all(Array.from({ length: 50 }, () => dns.resolve4(known)))).length);
  const [address] = await dns.resolve4(known);
  await show('reverse', () => dns.reverse(address));
})();
