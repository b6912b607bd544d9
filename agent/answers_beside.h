// agent/answers_beside.h: a server may answer from another port than the one that was asked (TFTP:
// RFC 1350, section 4). So while a caller's flow is there, what other sockets of this machine send
// to the caller's address is heard too, and each of them begins a flow beside that one, for the
// same program of the caller. Whose socket it is decides.
#pragma once
#include <map>
#include <memory>

#include "tunnel/flow/datagram_flow.h"

namespace culvert::agent {

class AnswersBeside final : public flow::DatagramFlow::Companion,
                            private loop::UdpSocket::Listener {
 public:
  static constexpr std::size_t kMost = 16;  // beside one flow, at a time

  class Judge {
   public:
    // Whether the owner of the socket at `from` may answer `caller`, who asked a socket at `asked`.
    virtual bool may_answer(const SocketAddress& from, const SocketAddress& caller,
                            const SocketAddress& asked) = 0;

   protected:
    ~Judge() = default;
  };

  struct Asked {
    mux::StreamId stream;
    std::uint16_t port;  // as the caller names it
    SocketAddress at;
  };

  // `socket` hears all but the one that was asked; flows are added to `flows`. All are borrowed.
  AnswersBeside(loop::Loop& loop, session::SessionLink& link, Asked asked, UniqueFd socket,
                flow::DatagramFlows& flows, Judge& judge);

 private:
  void on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                   std::size_t segment) override;
  void on_receive_failed(loop::UdpSocket&, int) override {}
  void on_batch_ended(loop::UdpSocket&) override { link_.schedule(); }
  std::optional<mux::StreamId> stream_for(const SocketAddress& from);
  std::optional<mux::StreamId> open_stream(const SocketAddress& from);

  session::SessionLink& link_;
  Asked asked_;
  flow::DatagramFlows& flows_;
  Judge& judge_;
  loop::UdpSocket socket_;
  SocketAddress local_;
  std::map<SocketAddress, mux::StreamId> begun_;  // some may have ended
};

}  // namespace culvert::agent
