// tunnel/session/circuit_pipe.h: one leg of a relay circuit as a BytePipe (PROTOCOL.md section 7).
//
// Greets the service as caller or answerer; behind the greeting the pipe carries opaque octets that
// the service joins to the other leg. Octets written before the service has answered go right
// behind the greeting, so a session inside costs no extra round trip. A refusal breaks the pipe and
// is told by failure().
#pragma once
#include <memory>
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/session/handshake.h"

namespace culvert::session {

// What the service says of a circuit when it answers: told to whoever shares it, for the pipe goes
// from owner to owner.
struct CircuitNews {
  std::optional<SocketAddress> other_seen;  // the other endpoint's address, as the service sees it
};

class CircuitPipe final : public loop::BytePipe, private loop::BytePipe::Listener {
 public:
  // hello.purpose: kCircuitCall or kCircuitAnswer; timestamp and session name are filled in.
  CircuitPipe(std::unique_ptr<loop::BytePipe> under, const crypto::KeyPair& self,
              const crypto::PublicKey& service, control::Hello hello, Random& random,
              std::shared_ptr<CircuitNews> news = nullptr);

  loop::IoResult read(MutableBytes into) override;
  loop::IoResult write(Bytes from) override;
  void set_interest(bool readable, bool writable) override;
  void end_writing() override;
  void abort() override;

  const Error* failure() const override { return refusal_ ? &*refusal_ : under_->failure(); }
  bool refused() const override { return refused_; }
  bool stranded() const override { return under_->stranded(); }
  void allow_fragments() override { under_->allow_fragments(); }

 private:
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  bool flush_greeting();  // true: all of it has been written
  bool read_answer();     // true: the answer is there, opaque octets follow
  void update_interest();

  std::unique_ptr<loop::BytePipe> under_;
  std::shared_ptr<CircuitNews> news_;
  InitiatorHandshake handshake_;
  ByteQueue greeting_;
  ByteVector answer_;  // until it is complete
  ByteQueue behind_;   // opaque octets that came with the answer
  std::optional<Error> refusal_;
  bool answered_ = false, refused_ = false, want_read_ = false, want_write_ = false,
       end_due_ = false;
  int error_ = 0;
};

}  // namespace culvert::session
