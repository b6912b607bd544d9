// tunnel/carrier/ftp_dial.h: from a connection to an FTP proxy to a BytePipe through it: has the
// conversations of ftp_opening.h, makes the data connection, and keeps the control connection open
// for as long as the pipe lives. Such a proxy carries octets in both directions on the data
// connection of a retrieval (ftp-proxy 1.9, measured); one that does not (squid's ftp_port) is for
// ftp_pair_dial.h.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/base/address.h"
#include "tunnel/carrier/ftp_opening.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_dial.h"

namespace culvert::carrier {

class Stack;

class FtpDial final : private loop::TcpDial::Listener,
                      private loop::BytePipe::Listener,
                      private loop::Timer::Listener {
 public:
  class Listener {
   public:
    // `pipe` is null when it failed; `again`: on a new connection to the proxy it would go on.
    // Once, never from the constructor; may destroy the dial.
    virtual void on_ftp(std::unique_ptr<loop::BytePipe> pipe, const Error& why, bool again) = 0;

   protected:
    ~Listener() = default;
  };

  // `control`: to the proxy, which is at `proxy`. `limit`: for all of it.
  FtpDial(loop::Loop& loop, std::unique_ptr<loop::BytePipe> control, const IpAddress& proxy,
          std::shared_ptr<FtpProxyLogin> login, FtpFile file, Duration limit, Listener& listener);
  ~FtpDial();

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_readable() override {}
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void failed(const Error& why);

  loop::Loop& loop_;
  IpAddress proxy_;
  FtpFile file_;
  Duration limit_;
  Listener& listener_;
  std::unique_ptr<Stack> control_;
  const FtpLogin* login_;  // control_'s layer, at first
  std::optional<loop::TcpDial> dial_;
  std::unique_ptr<loop::BytePipe> data_;
  loop::Timer timer_;
};

}  // namespace culvert::carrier
