// tunnel/flow/datagram_flow.h: joins one connected UDP socket (to a program that serves, or to an
// ordinary destination) to the datagrams of one stream. The socket is connected, so only answers of
// the one that was asked come back.
//
// A flow that nobody uses ends after kIdle (RFC 4787 section 4.3: two minutes at least, five are
// recommended); the other end opens another with its next datagram.
#pragma once
#include <list>
#include <memory>
#include <optional>

#include "tunnel/loop/timer.h"
#include "tunnel/loop/udp_socket.h"
#include "tunnel/session/session_link.h"

namespace culvert::flow {

inline constexpr std::chrono::seconds kIdle{300};

// What may go out in a second, octets and datagrams; a burst of one second. All flows that borrow
// it share it.
class DatagramBudget {
 public:
  DatagramBudget(double datagrams, double octets)
      : datagrams_{datagrams, datagrams}, octets_{octets, octets} {}
  bool spend(std::size_t octets, TimePoint now);
  std::uint64_t refused() const { return refused_; }

 private:
  struct Bucket {
    double rate, level;
  };
  Bucket datagrams_, octets_;
  TimePoint filled_{};
  std::uint64_t refused_ = 0;
};

class DatagramFlows;

class DatagramFlow final : private loop::UdpSocket::Listener,
                           private session::SessionLink::StreamHandler {
 public:
  struct Companion {  // lives as long as its flow
    virtual ~Companion() = default;
  };

  DatagramFlow(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream, UniqueFd socket,
               DatagramFlows& owner);
  ~DatagramFlow();
  TimePoint last_used() const { return last_used_; }
  const SocketAddress& local() const { return local_; }
  void send(std::span<const mux::ArrivedDatagram> datagrams);  // may end, and so destroy, it
  void close();  // the stream too; the owner destroys it
  void accompany(std::unique_ptr<Companion> companion) { companion_ = std::move(companion); }

 private:
  void on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                   std::size_t segment) override;
  void on_receive_failed(loop::UdpSocket& socket, int error) override;
  void on_batch_ended(loop::UdpSocket& socket) override;
  void on_stream_accepted() override {}
  void on_stream_readable() override;
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override {
    send(datagrams);
  }
  void on_stream_reset(const Error& why) override;
  void fail(int error);  // destroys this

  loop::Loop& loop_;
  session::SessionLink& link_;
  mux::StreamId stream_;
  DatagramFlows& owner_;
  loop::UdpSocket socket_;
  SocketAddress local_, peer_;
  std::unique_ptr<Companion> companion_;
  TimePoint last_used_;
  bool stream_gone_ = false;
};

// Owns flows until they end. The link must outlive it, or tell its streams that it goes down.
class DatagramFlows final : private loop::Timer::Listener {
 public:
  explicit DatagramFlows(loop::Loop& loop, DatagramBudget* budget = nullptr)
      : loop_(loop), budget_(budget) {}
  DatagramFlows(const DatagramFlows&) = delete;
  DatagramFlows& operator=(const DatagramFlows&) = delete;
  ~DatagramFlows() { flows_.clear(); }

  // Takes over the stream. `first` arrived before the socket was there.
  void add(session::SessionLink& link, mux::StreamId stream, UniqueFd socket,
           const std::vector<ByteVector>& first = {},
           std::unique_ptr<DatagramFlow::Companion> companion = nullptr);
  std::size_t size() const { return flows_.size(); }
  bool has_local(const SocketAddress& address) const;  // a flow's socket is bound there

 private:
  friend class DatagramFlow;
  void on_timer(loop::Timer& timer) override;
  void drop(DatagramFlow& flow);

  loop::Loop& loop_;
  DatagramBudget* budget_;
  std::list<std::unique_ptr<DatagramFlow>> flows_;
  std::optional<loop::Timer> timer_;  // made with the first flow
};

}  // namespace culvert::flow
