// service/ftp_data_port.h: a port for one data connection of FTP. squid's FTP proxy connects to no
// port below 1024 for data (ftp_sanitycheck, 5.7, measured), so this cannot be the usual one.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/base/random.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/loop.h"
#include "tunnel/loop/tcp_listener.h"

namespace culvert::service {

class FtpDataPort final : private loop::TcpListener::Listener, private loop::Deferred {
 public:
  class Listener {
   public:
    virtual void on_data(std::unique_ptr<loop::BytePipe> data) = 0;  // once

   protected:
    ~Listener() = default;
  };
  struct Range {
    IpAddress ip;
    std::uint16_t first = 0, last = 0;  // 0: any
  };

  // `from`: who may connect.
  FtpDataPort(loop::Loop& loop, const IpAddress& from, Listener& listener);
  ~FtpDataPort() override = default;
  // None: no port is free, or none of those that chance chose: a stranger is not worth more.
  std::optional<std::uint16_t> open(const Range& ports, Random& random);

 private:
  void on_accepted(UniqueFd fd, const SocketAddress& peer) override;
  void run_deferred() override;

  loop::Loop& loop_;
  IpAddress from_;
  Listener& listener_;
  std::optional<loop::TcpListener> socket_;
  std::unique_ptr<loop::BytePipe> data_;
};

}  // namespace culvert::service
