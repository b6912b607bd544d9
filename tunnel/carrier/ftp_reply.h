// tunnel/carrier/ftp_reply.h: a reply of an FTP server or proxy (RFC 959 section 4.2). Sans-IO.
// Bounds: the reader's, who keeps what is not complete.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::carrier {

struct FtpReply {
  int code = 0;      // 100 to 599
  std::string text;  // of its last line, for people and for passive_port(); not printable yet

  int kind() const { return code / 100; }  // 1 begins, 2 done, 3 goes on, 4 not now, 5 no
  std::string to_string() const;           // "530 Login incorrect.", printable
};

// Gives nullopt while the reply is not complete; else `taken` is its length. kProtocol: no FTP.
Result<std::optional<FtpReply>> parse_ftp_reply(Bytes received, std::size_t& taken);

// Where a 227 (RFC 959) or 229 (RFC 2428) wants the data connection. The port alone: the address is
// the one that the control connection goes to, so that no reply can send us elsewhere.
std::optional<std::uint16_t> passive_port(const FtpReply& reply);

}  // namespace culvert::carrier
