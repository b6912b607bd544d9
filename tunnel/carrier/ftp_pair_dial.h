// tunnel/carrier/ftp_pair_dial.h: through an FTP proxy whose data connections carry octets in the
// direction of their file alone, as squid's ftp_port does: one file goes down and another one up,
// at the same time, and the service knows by their folder that they belong together.
#pragma once
#include <array>

#include "tunnel/base/random.h"
#include "tunnel/carrier/ftp_dial.h"

namespace culvert::carrier {

class FtpPairDial final : private loop::TcpDial::Listener {
 public:
  using Logins = std::array<std::shared_ptr<FtpProxyLogin>, 2>;

  // `control`: to `proxy`; the other one is made here. `limit`: for the connection, and once more
  // for the conversations.
  FtpPairDial(loop::Loop& loop, std::unique_ptr<loop::BytePipe> control, const SocketAddress& proxy,
              const Logins& logins, Random& random, Duration limit, FtpDial::Listener& listener);

 private:
  struct Half final : FtpDial::Listener {
    explicit Half(FtpPairDial& of) : owner(of) {}
    void on_ftp(std::unique_ptr<loop::BytePipe> made, const Error& why, bool again) override;

    FtpPairDial& owner;
    std::optional<FtpDial> dial;
    std::unique_ptr<loop::BytePipe> pipe;
  };
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void begin(Half& half, std::unique_ptr<loop::BytePipe> control,
             std::shared_ptr<FtpProxyLogin> login, const char* command);
  void over(std::unique_ptr<loop::BytePipe> pipe, const Error& why, bool again);

  loop::Loop& loop_;
  SocketAddress proxy_;
  Logins logins_;
  Duration limit_;
  FtpDial::Listener& listener_;
  std::string folder_;
  Half down_, up_;
  loop::TcpDial dial_;
  bool over_ = false;
};

}  // namespace culvert::carrier
