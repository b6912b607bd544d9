// tunnel/carrier/ftp_opening.h: what is said on the control connection to an FTP proxy, until its
// data connection carries octets: the proxy is asked for the service as for an FTP server, by the
// user name "anonymous@HOST:PORT", and for one file of it, which has neither beginning nor end.
//
// Two conversations, with the data connection made in between (ftp_dial.h): FtpLogin up to the
// place that it is to be made to, FtpTransfer up to the reply that it is in use. What carries
// octets in one direction alone is half of a pair, whose folder names it to the service
// (PROTOCOL.md 1).
//
// Errors: kAuthentication (it wants a login), kNotPermitted, kHostUnreachable (it does not get to
// the service), kExhausted (not now), kProtocol.
#pragma once
#include <memory>

#include "tunnel/carrier/ftp_proxy_login.h"
#include "tunnel/carrier/ftp_reply.h"
#include "tunnel/carrier/opening_layer.h"

namespace culvert::carrier {

struct FtpFile {
  std::string folder;  // entered before; empty: none
  std::string command = "RETR /culvert";
};

class FtpLogin final : public OpeningLayer {
 public:
  // `extended`: asks by EPSV, which IPv6 needs.
  FtpLogin(std::shared_ptr<FtpProxyLogin> login, bool extended, std::string folder = {});

  std::uint16_t data_port() const { return data_port_; }  // once established
  bool wants_new_connection() const override { return wants_new_connection_; }
  std::string describe() const override { return "the login at an FTP proxy"; }

 private:
  enum class State : std::uint8_t { kGreeting, kLogin, kType, kFolder, kPassive };
  Result<std::size_t> converse(Bytes received) override;
  Error on_end() override;
  Result<void> judge(const FtpReply& reply);
  Result<void> judge_login(const FtpReply& reply);
  Result<void> another_form(const FtpReply& reply);
  void log_in();
  void command(State next, const std::string& line);

  std::shared_ptr<FtpProxyLogin> login_;
  std::size_t said_ = 0;  // commands of the login
  bool wants_new_connection_ = false;
  bool extended_;
  std::string folder_;
  State state_ = State::kGreeting;
  std::uint16_t data_port_ = 0;
  int replies_ = 0;
};

class FtpTransfer final : public OpeningLayer {
 public:
  explicit FtpTransfer(const std::string& command);
  std::string describe() const override { return verb_ + " at an FTP proxy"; }

 private:
  Result<std::size_t> converse(Bytes received) override;
  Error on_end() override;

  std::string verb_;  // RETR or STOR
};

}  // namespace culvert::carrier
