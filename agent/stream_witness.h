// agent/stream_witness.h: asks one discovery server by TCP where it sees this machine, with a
// proof: for networks that let no UDP out, or none in (udp_witness.h).
#pragma once
#include <memory>
#include <optional>

#include "agent/own_endpoint.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_dial.h"
#include "tunnel/stun/survey.h"

namespace culvert::agent {

class StreamWitness final : private loop::TcpDial::Listener,
                            private loop::BytePipe::Listener,
                            private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kLimit{5};  // for the connection, and for the answer

  class Listener {
   public:
    // Answered, or not: see the accessors. Once, never from the constructor; destroy it.
    virtual void on_stream_seen(const StreamWitness& witness) = 0;

   protected:
    ~Listener() = default;
  };

  StreamWitness(const OwnEndpoint& self, const SocketAddress& server, Listener& listener);
  bool v4() const { return server_.ip.is_v4(); }
  const std::optional<SocketAddress>& seen() const { return survey_.mapped().front(); }
  const std::optional<stun::AddressProof>& proof() const { return survey_.proofs().front(); }

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_readable() override;
  void on_writable() override {}
  void on_broken(int) override { listener_.on_stream_seen(*this); }
  void on_timer(loop::Timer&) override { listener_.on_stream_seen(*this); }

  loop::Loop& loop_;
  SocketAddress server_;
  Listener& listener_;
  stun::Survey survey_;
  std::optional<loop::TcpDial> dial_;
  std::unique_ptr<loop::BytePipe> pipe_;
  ByteVector received_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
