#include "tunnel/carrier/ftp_pair_dial.h"

#include <cstring>

#include "tunnel/loop/split_pipe.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::carrier {
namespace {

std::string new_folder(Random& random) {
  std::byte name[16];
  random.fill(name);
  return "/culvert-" + to_hex(name);
}

}  // namespace

FtpPairDial::FtpPairDial(loop::Loop& loop, std::unique_ptr<loop::BytePipe> control,
                         const SocketAddress& proxy, const Logins& logins, Random& random,
                         Duration limit, FtpDial::Listener& listener)
    : loop_(loop),
      proxy_(proxy),
      logins_(logins),
      limit_(limit),
      listener_(listener),
      folder_(new_folder(random)),
      down_(*this),
      up_(*this),
      dial_(loop, proxy, limit, static_cast<loop::TcpDial::Listener&>(*this)) {
  begin(down_, std::move(control), logins_[0], "RETR file");
}

void FtpPairDial::begin(Half& half, std::unique_ptr<loop::BytePipe> control,
                        std::shared_ptr<FtpProxyLogin> login, const char* command) {
  half.dial.emplace(loop_, std::move(control), proxy_.ip, std::move(login),
                    FtpFile{folder_, command}, limit_, static_cast<FtpDial::Listener&>(half));
}

void FtpPairDial::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (over_) return;
  if (error != 0)
    return over(nullptr,
                {from_errno(error), "the second connection: " + std::string(std::strerror(error))},
                /*again=*/false);
  loop::tune_carrier(fd.get());
  begin(up_, std::make_unique<loop::TcpSocket>(loop_, std::move(fd)), logins_[1], "STOR file");
}

void FtpPairDial::Half::on_ftp(std::unique_ptr<loop::BytePipe> made, const Error& why, bool again) {
  if (owner.over_) return;
  if (made == nullptr) return owner.over(nullptr, why, again);
  pipe = std::move(made);
  if (owner.down_.pipe == nullptr || owner.up_.pipe == nullptr) return;
  owner.over(
      std::make_unique<loop::SplitPipe>(std::move(owner.down_.pipe), std::move(owner.up_.pipe)), {},
      /*again=*/false);
}

void FtpPairDial::over(std::unique_ptr<loop::BytePipe> pipe, const Error& why, bool again) {
  over_ = true;
  listener_.on_ftp(std::move(pipe), why, again);
}

}  // namespace culvert::carrier
