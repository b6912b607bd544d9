// agent/direct_listener.h: the port at which peers reach this endpoint without the relay.
//
// Whoever connects is a stranger: a few of them at a time, a few seconds each, and no octet is sent
// to one before its own first octets say what it is (tunnel/punch/preamble.h). A scanner finds an
// open port that never speaks. What a connection may do is decided by others: hellos go to a
// session that lives here already, or end.
#pragma once
#include <list>
#include <memory>
#include <optional>

#include "agent/punch_ports.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_listener.h"
#include "tunnel/punch/preamble.h"

namespace culvert::agent {

class DirectListener final : public PunchPorts,
                             private loop::TcpListener::Listener,
                             private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMost = 64, kMostOfOneAddress = 8;  // strangers
  static constexpr std::chrono::seconds kLimit{5};                 // for the first octets
  static constexpr std::size_t kMostFresh = 2;                     // ports of port_since()
  // Of web_port(). Whoever starts a web server here is to find its port free, most of the time.
  // Not while the machine starts: a server that finds its port taken then stays down.
  static constexpr std::chrono::seconds kWebOpen{8}, kWebPause{20}, kMachineStarts{120};

  class Listener {
   public:
    // A hello follows; `received` is what was read of it.
    virtual void on_direct_hello(std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
                                 const SocketAddress& from) = 0;
    // False: nobody awaits this token. Else the pipe is taken.
    virtual bool on_dialled_back(const control::OfferToken& token,
                                 std::unique_ptr<loop::BytePipe>& pipe,
                                 const SocketAddress& from) = 0;

   protected:
    ~Listener() = default;
  };

  DirectListener(loop::Loop& loop, Listener& listener);
  virtual ~DirectListener();

  Result<void> listen(std::uint16_t port);  // 0: the kernel chooses
  // Another one besides, from which alone we dial where the peer calls us as well; port() stays.
  Result<void> listen_second();
  std::uint16_t second_port() const { return second_ ? second_->address().port : 0; }
  std::uint16_t port() const { return listening_ ? listening_->address().port : 0; }
  std::uint16_t port_since(TimePoint when) override;
  std::uint16_t web_port() override;
  void never_take_web_port() { may_take_web_ = false; }
  void close();

  // Whoever shows it is answered with it (control::TryInbound).
  void expect_trial(const control::TrialSecret& secret) { trial_ = secret; }

 private:
  class Stranger;
  Result<void> listen(std::uint16_t port, std::optional<loop::TcpListener>& at);
  void on_accepted(UniqueFd fd, const SocketAddress& peer) override;
  void on_timer(loop::Timer&) override { web_.reset(); }
  void sort(Stranger& stranger);
  void remove(Stranger& stranger);

  loop::Loop& loop_;
  Listener& listener_;
  std::optional<loop::TcpListener> listening_, second_, web_;
  std::optional<TimePoint> web_at_;  // the last time
  bool may_take_web_ = true;
  loop::Timer web_timer_;
  struct Fresh {
    explicit Fresh(TimePoint when) : opened_at(when) {}
    TimePoint opened_at;
    std::optional<loop::TcpListener> listening;
  };
  std::list<Fresh> fresh_;  // the newest is the last
  std::list<std::unique_ptr<Stranger>> strangers_;
  std::optional<control::TrialSecret> trial_;
};

}  // namespace culvert::agent
