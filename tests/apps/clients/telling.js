// Tells its UDP socket's port, which the kernel has chosen, to HOST PORT by TCP, answers what comes there, and
// prints what it is told at the end.
const [host, port] = process.argv.slice(2)
const socket = require('dgram').createSocket('udp4')
socket.on('message', (text, from) => socket.send(`${text} from node`, from.port, from.address))
socket.bind(() => {
  const told = require('net').connect(port, host, () => told.write(`${socket.address().port}\n`))
  told.on('data', text => { process.stdout.write(text); told.destroy(); socket.close() })
})
