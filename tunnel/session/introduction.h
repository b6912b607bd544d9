// tunnel/session/introduction.h: the initiator's first round trip on a fresh pipe: sends the hello
// with its early frames and waits for the answer. What comes next is the owner's. Several may race
// for one session; greeter.h is the other side.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/timer.h"
#include "tunnel/session/handshake.h"
#include "tunnel/session/session.h"

namespace culvert::session {

// What a session needs to go on over a pipe whose handshake is done, on either side.
struct FreshCarrier {
  std::unique_ptr<loop::BytePipe> pipe;
  Session::Carrier keys;
  ByteVector received;                  // octets that came behind the handshake
  std::optional<SocketAddress> seen{};  // initiator: its own address, as the service told it
  ByteVector tls_certificate{};         // initiator: the service's, as it told (control/hello.h)
};

class Introduction final : private loop::BytePipe::Listener,
                           private loop::Timer::Listener,
                           private loop::Deferred {
 public:
  class Listener {
   public:
    // Both are told from the loop, once; either may destroy the introduction, and with it `why`.
    virtual void on_introduced(Introduction& introduction, FreshCarrier carrier) = 0;
    // `refused`: the peer answered, and said no. Else the pipe failed, or nobody answered.
    virtual void on_introduction_failed(Introduction& introduction, const Error& why,
                                        bool refused) = 0;

   protected:
    ~Listener() = default;
  };

  struct Who {
    const crypto::KeyPair& self;
    const crypto::PublicKey& peer;
  };
  // Timestamp and, where none are named, ciphers are filled in.
  Introduction(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe, const Who& who,
               control::Hello hello, Bytes early_frames, Duration limit, Listener& listener);
  ~Introduction() override;

  // As the service told with its answer, whatever that was; empty: it did not.
  const ByteVector& tls_certificate() const { return tls_certificate_; }

 private:
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void run_deferred() override;
  void pipe_failed(int error);
  void failed(const Error& why, bool refused);
  void introduced(InitiatorHandshake::Outcome& outcome, std::size_t taken);

  Listener& listener_;
  std::unique_ptr<loop::BytePipe> pipe_;
  SystemRandom random_;
  InitiatorHandshake handshake_;
  ByteQueue output_;
  ByteVector received_, tls_certificate_;
  loop::Timer timer_;
  TimePoint sent_at_{};
  std::optional<Error> early_failure_;
};

}  // namespace culvert::session
