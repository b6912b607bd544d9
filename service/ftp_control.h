// service/ftp_control.h: the FTP server (RFC 959, RFC 2428) that an FTP proxy meets here. It lets
// everybody in and has one file, under any name, that never ends; the octets are those of the data
// connection, which comes to the same port as every carrier and is greeted there like one. In the
// folder of a pair there are a file to get and one to put, whose data connections come to ports of
// their own: the octets of one direction say nothing of who they are for. Sans-IO.
//
// Bounds: 512 octets a line, four data ports, and the reader's on what is not read of the replies.
// It opens no connection: PORT and EPRT are refused, so nobody can be attacked through it.
#pragma once
#include <optional>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::service {

class FtpControl {
 public:
  static constexpr std::string_view kGreeting = "220 FTP server ready.\r\n";

  // Opens a port for one data connection, instead of that from before.
  class Doors {
   public:
    virtual std::optional<std::uint16_t> open_data_port() = 0;

   protected:
    ~Doors() = default;
  };
  struct Half {
    std::string pair;  // hexadecimal
    bool upward = false;
  };

  // `here`: where data connections are to be made to, but for those of pairs.
  FtpControl(const SocketAddress& here, Doors& doors) : here_(here), doors_(doors) {}

  // What to reply; kProtocol: no FTP, or too long a line.
  Result<std::string> receive(Bytes from_client);
  bool transferring() const { return transferring_; }
  const std::optional<Half>& half() const { return half_; }  // once its file is asked for
  bool over() const { return over_; }  // the client said QUIT: end it behind the reply

 private:
  std::string answer(std::string_view command, std::string_view argument);
  std::string change_folder(std::string_view folder);
  std::string transfer(bool upward);
  std::string passive();
  std::string extended_passive();
  std::optional<std::uint16_t> data_port();

  SocketAddress here_;
  Doors& doors_;
  std::string pair_;  // whose folder it is in
  std::optional<Half> half_;
  std::string line_;  // not complete yet
  int ports_ = 0;     // opened
  bool transferring_ = false, over_ = false;
};

}  // namespace culvert::service
