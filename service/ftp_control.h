// service/ftp_control.h: the FTP server (RFC 959, RFC 2428) that an FTP proxy meets here. It lets
// everybody in and has one file, under any name, that never ends; the octets are those of the data
// connection, which comes to the same port as every carrier and is greeted there like one. Sans-IO.
//
// Bounds: 512 octets a line, and the reader's on what is not read of the replies. It opens no
// connection: PORT and EPRT are refused, so nobody can be attacked through it.
#pragma once
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::service {

class FtpControl {
 public:
  static constexpr std::string_view kGreeting = "220 FTP server ready.\r\n";

  // `here`: where data connections are to be made to.
  explicit FtpControl(const SocketAddress& here) : here_(here) {}

  // What to reply; kProtocol: no FTP, or too long a line.
  Result<std::string> receive(Bytes from_client);
  bool transferring() const { return transferring_; }
  bool over() const { return over_; }  // the client said QUIT: end it behind the reply

 private:
  std::string answer(std::string_view command, std::string_view argument);
  std::string passive() const;

  SocketAddress here_;
  std::string line_;  // not complete yet
  bool transferring_ = false, over_ = false;
};

}  // namespace culvert::service
