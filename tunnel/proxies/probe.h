// tunnel/proxies/probe.h: connects, sends one request and hears the answer. The thin edge of
// probe_answer.h.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_dial.h"
#include "tunnel/loop/timer.h"

namespace culvert::proxies {

class Probe final : private loop::TcpDial::Listener,
                    private loop::BytePipe::Listener,
                    private loop::Timer::Listener {
 public:
  class Listener {
   public:
    // Each time that something came, with all of it, until `last`: it ended, took too long, sent
    // more than kMostHeard, or never connected (then `error` is an errno value). May destroy this.
    virtual void on_heard(Probe& probe, Bytes heard, bool last, int error) = 0;

   protected:
    ~Listener() = default;
  };

  Probe(loop::Loop& loop, const SocketAddress& to, std::string request, Duration limit,
        Listener& listener);
  const SocketAddress& to() const { return dial_.to(); }

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void tell(bool last, int error);

  loop::Loop& loop_;
  std::string request_;
  Listener& listener_;
  loop::TcpDial dial_;
  std::unique_ptr<loop::BytePipe> pipe_;
  ByteVector heard_;
  loop::Timer timer_;
};

}  // namespace culvert::proxies
