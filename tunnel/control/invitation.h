// tunnel/control/invitation.h: the one-time token of `culvert-service invite`, as text.
//
// It carries where the service is and which key it must prove, so that nothing is trusted blindly,
// and a secret that is good for one enrolment under one name. Keep it secret until it is used.
#pragma once
#include <array>
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/control/hello.h"

namespace culvert::control {

struct Invitation {
  std::string service;                      // host:port of the front door
  std::array<std::byte, 32> service_key{};  // its static X25519 public key
  std::string name;                         // full virtual host name to be enrolled
  EnrolmentSecret secret{};
  // The service's, where `service` is a number: what barriers that go by names can be told. Empty:
  // not told.
  std::string domain{};

  bool operator==(const Invitation&) const = default;
};

// "culvert1-" and base64url. decode ignores white space, in it as well (mail programs break long
// lines), and says what is wrong: not a token, cut off (checksum), made by a later version.
std::string encode(const Invitation& invitation);
Result<Invitation> decode_invitation(std::string_view text);

}  // namespace culvert::control
