// tunnel/portmap/port_mapper.h: the libuv edge of mapper.h: its sockets, its timer, and the program
// culvert-igd, which speaks UPnP and is killed when it takes too long. Decides nothing.
#pragma once
#include <optional>
#include <string>

#include "tunnel/loop/child_process.h"
#include "tunnel/loop/timer.h"
#include "tunnel/loop/udp_socket.h"
#include "tunnel/portmap/mapper.h"

namespace culvert::portmap {

class PortMapper final : private loop::UdpSocket::Listener,
                         private loop::ChildProcess::Listener,
                         private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kTaskLimit{5};  // for culvert-igd

  // Called from the loop, never from inside the members below; may not destroy the mapper.
  class Listener {
   public:
    virtual void on_port_mappings_changed() {}
    virtual void on_gateway_restarted() {}  // or its address has changed
    virtual void on_gateway_probed() {}     // what it speaks is known: core().presence()

   protected:
    ~Listener() = default;
  };

  // `igd_program`: the path of culvert-igd.
  PortMapper(loop::Loop& loop, Random& random, std::string igd_program, Listener& listener);
  ~PortMapper();

  // Each as Mapper's.
  void set_network(const std::optional<Network>& network);
  void want(const Port& port);
  void unwant(const Port& port);
  void check();
  void stop();
  bool stopped() const { return core_.stopped() && !child_; }
  // As stop(), when nothing will run any more: what a single datagram deletes is deleted.
  void leave();

  const Mapper& core() const { return core_; }

 private:
  void on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                   std::size_t segment) override;
  void on_receive_failed(loop::UdpSocket&, int) override {}
  void on_batch_ended(loop::UdpSocket&) override { soon(); }
  void on_child_output(loop::ChildProcess& child, Bytes output) override;
  void on_child_ended(loop::ChildProcess& child) override;
  void on_timer(loop::Timer& timer) override;

  void soon() { timer_.start(Duration::zero()); }
  void open_sockets();
  void send_all();
  void start_task();
  void end_task(const Result<IgdAnswer>& answer);

  loop::Loop& loop_;
  std::string igd_program_;
  Listener& listener_;
  Mapper core_;
  std::optional<loop::UdpSocket> asking_, announcements_;
  std::optional<loop::ChildProcess> child_;
  std::string output_;
  loop::Timer timer_, task_limit_;
  bool probing_ = false;
};

}  // namespace culvert::portmap
