#include "tunnel/carrier/ftp_dial.h"

#include <cstring>

#include "tunnel/carrier/stack.h"
#include "tunnel/loop/forwarding_pipe.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::carrier {
namespace {

// Hears what the proxy still says, so that it need not wait, and takes it to nobody.
class DeafEnd final : private loop::BytePipe::Listener {
 public:
  explicit DeafEnd(std::unique_ptr<loop::BytePipe> pipe) : pipe_(std::move(pipe)) {
    pipe_->set_listener(this);
    pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  }

 private:
  void on_readable() override {
    std::byte buffer[512];
    if (pipe_->read(buffer).state != loop::IoResult::State::kMoved)
      pipe_->set_interest(false, false);
  }
  void on_writable() override {}
  void on_broken(int) override { pipe_->set_interest(false, false); }

  std::unique_ptr<loop::BytePipe> pipe_;
};

// The data connection, which ends with the control connection.
class FtpPipe final : public loop::ForwardingPipe {
 public:
  FtpPipe(std::unique_ptr<loop::BytePipe> data, std::unique_ptr<loop::BytePipe> control)
      : ForwardingPipe(std::move(data)), control_(std::move(control)) {}

 private:
  DeafEnd control_;
};

}  // namespace

FtpDial::FtpDial(loop::Loop& loop, std::unique_ptr<loop::BytePipe> control, const IpAddress& proxy,
                 std::shared_ptr<FtpProxyLogin> known, FtpFile file, Duration limit,
                 Listener& listener)
    : loop_(loop),
      proxy_(proxy),
      file_(std::move(file)),
      limit_(limit),
      listener_(listener),
      timer_(loop, *this) {
  auto login = std::make_unique<FtpLogin>(std::move(known), /*extended=*/!proxy.canonical().is_v4(),
                                          file_.folder);
  login_ = login.get();
  control_ = std::make_unique<Stack>(loop_, std::move(control), std::move(login));
  control_->set_listener(this);
  control_->set_interest(/*readable=*/false, /*writable=*/true);
  timer_.start(limit_);
}

FtpDial::~FtpDial() {
  if (control_ != nullptr) control_->set_listener(nullptr);
}

// The conversation of control_ is over. The call comes from inside the stack that is given up here.
void FtpDial::on_writable() {
  control_->set_listener(nullptr);
  control_->set_interest(false, false);
  if (login_ != nullptr) {
    dial_.emplace(loop_, SocketAddress{proxy_, login_->data_port()}, limit_,
                  static_cast<loop::TcpDial::Listener&>(*this));
    login_ = nullptr;
    return;
  }
  timer_.stop();
  listener_.on_ftp(std::make_unique<FtpPipe>(std::move(data_), control_->take_under()), {},
                   /*again=*/false);
}

void FtpDial::on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) {
  if (error != 0)
    return failed({from_errno(error), "the FTP proxy's data port " + dial.to().to_string() + ": " +
                                          std::strerror(error)});
  loop::tune_carrier(fd.get());
  data_ = std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
  control_ = std::make_unique<Stack>(loop_, control_->take_under(),
                                     std::make_unique<FtpTransfer>(file_.command));
  control_->set_listener(this);
  control_->set_interest(/*readable=*/false, /*writable=*/true);
}

void FtpDial::on_broken(int error) {
  const auto* known = control_->failure();
  failed(known != nullptr ? Error{*known} : Error{from_errno(error), std::strerror(error)});
}

void FtpDial::on_timer(loop::Timer&) {
  failed({ErrorCode::kTimedOut, "the FTP proxy did not get to the service in time"});
}

void FtpDial::failed(const Error& why) {
  timer_.stop();
  control_->set_listener(nullptr);
  listener_.on_ftp(nullptr, why, control_->layer().wants_new_connection());
}

}  // namespace culvert::carrier
