// tunnel/carrier/layer.h: INTERFACE of a carrier layer: bytes in, bytes out, in both directions.
//
// Words used in this folder
//   carrier     an ordered byte pipe through a barrier; what a session runs over
//   recipe      the list of layers that makes a carrier, as one row of recipes.cc
//   layer       one step of it: TLS, an HTTP CONNECT conversation, WebSocket framing ...
//   below       towards the network: the next layer, in the end a TCP connection
//   above       towards the session
//   wire bytes  what a layer gives to and takes from below
//   established the layer's opening conversation succeeded; application bytes may flow
//
// A layer does no I/O, reads no clock (libraries behind one may: see tls_layer.h) and knows no
// neighbour: not what is below, nor above, nor which recipe it is part of. Carriers are untrusted
// pipes; nothing a layer checks protects the session, which protects itself.
//
// To add a carrier, do these five things:
//   1. Write the layer: tunnel/carrier/<name>.h and .cc, a class that implements Layer.
//   2. Give it an enumerator in LayerKind and its recipe a row in recipes.cc.
//   3. Say in carrier_dial.cc how the layer is made; the compiler warns until the switch names it.
//   4. Test it in tests/unit/tunnel/carrier/ against itself or a script of bytes, cut at random
//      places, and write tests/fuzz/<name>_fuzz.cc for what it decodes.
//   5. Add its conversation to the service's front door (first bytes), and a row to the README.
#pragma once
#include <string>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::carrier {

// The owner's loop: receive() what came from below, take readable(), write() what above has, send
// pending_output() below. After any error the layer is finished: every later call gives that error
// again, but pending_output() may still hold a last message to the peer (a TLS alert) worth
// sending. Spans returned die with the next call that is not const.
class Layer {
 public:
  virtual bool established() const = 0;
  // Established, it changes nothing and may be taken away: see opening_layer.h.
  virtual bool is_only_an_opening() const { return false; }
  // It failed, but on a new connection the conversation would go on.
  virtual bool wants_new_connection() const { return false; }

  // Established, it uses nothing that others use, too: a thread may have it to itself.
  virtual bool stands_alone() const { return true; }

  // Its conversation waits for something that its owner fetches; then go_on().
  virtual bool waits() const { return false; }
  virtual void go_on() {}

  // From below. Takes everything; call it only while wants_input(), and with at most 128 KiB,
  // so that queues stay bounded.
  virtual bool wants_input() const = 0;
  virtual Result<void> receive(Bytes wire) = 0;
  // The same, but what becomes readable and finds nothing readable() before it may be put into
  // `room` instead, which is cut to what is left of it: a copy less for a layer that can.
  virtual Result<void> receive_into(Bytes wire, [[maybe_unused]] MutableBytes& room) {
    return receive(wire);
  }
  virtual Result<void> receive_end() = 0;  // below has ended; fails where that is a truncation

  // To above.
  virtual Bytes readable() const = 0;
  virtual void consumed(std::size_t count) = 0;
  virtual bool peer_ended() const = 0;  // in order: what is readable() now is the last of it

  // From above. Says how much was taken: 0 before established() and while pending_output() is long.
  virtual Result<std::size_t> write(Bytes data) = 0;
  virtual Result<void> end_writing() = 0;  // once, at any time; write() may not follow

  // To below.
  virtual Bytes pending_output() const = 0;
  virtual void output_sent(std::size_t count) = 0;
  virtual bool output_ended() const = 0;  // nothing follows pending_output(): then end below, too

  virtual std::string describe() const = 0;  // for status and logs: what was negotiated, with whom

  virtual ~Layer() = default;
};

}  // namespace culvert::carrier
