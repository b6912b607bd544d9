// tunnel/carrier/ftp_opening.h: what is said on the control connection to an FTP proxy, until its
// data connection carries octets: the proxy is asked for the service as for an FTP server, by the
// user name "anonymous@HOST:PORT", and for one file of it, which has neither beginning nor end.
//
// Two conversations, with the data connection made in between (ftp_dial.h): FtpLogin up to the
// place that it is to be made to, FtpRetrieve up to the reply that it is in use.
//
// Errors: kAuthentication (it wants a login), kNotPermitted, kHostUnreachable (it does not get to
// the service), kExhausted (not now), kProtocol.
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/carrier/ftp_reply.h"
#include "tunnel/carrier/opening_layer.h"

namespace culvert::carrier {

class FtpLogin final : public OpeningLayer {
 public:
  // `extended`: asks by EPSV, which IPv6 needs.
  FtpLogin(const HostPort& target, bool extended);

  std::uint16_t data_port() const { return data_port_; }  // once established
  std::string describe() const override { return "USER " + user_ + " at an FTP proxy"; }

 private:
  enum class State : std::uint8_t { kGreeting, kUser, kPassword, kType, kPassive };
  Result<std::size_t> converse(Bytes received) override;
  Error on_end() override;
  Result<void> judge(const FtpReply& reply);
  void command(State next, const std::string& line);

  std::string user_;
  bool extended_;
  State state_ = State::kGreeting;
  std::uint16_t data_port_ = 0;
  int replies_ = 0;
};

class FtpRetrieve final : public OpeningLayer {
 public:
  FtpRetrieve();
  std::string describe() const override { return "RETR at an FTP proxy"; }

 private:
  Result<std::size_t> converse(Bytes received) override;
  Error on_end() override;
};

}  // namespace culvert::carrier
