// tunnel/carrier/ntlm.h: the messages of NTLMv2 ([MS-NLMP]) of the one who is asked. NTLMv1 and LM
// answers are never given: whoever hears one has the password.
#pragma once
#include <string>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"
#include "tunnel/base/time.h"
#include "tunnel/carrier/proxy.h"

namespace culvert::carrier {

ByteVector ntlm_negotiate();  // type 1

using NtlmNonce = std::array<std::byte, 8>;

std::uint64_t ntlm_time(UnixTime now);  // 100 ns since 1601

// Type 3, for the type 2 message `challenge`. `nonce` is the client's challenge; `time`, as of
// ntlm_time(), is used if the server tells none. kProtocol: not such a message, or no MD4 in this
// build.
Result<ByteVector> ntlm_authenticate(Bytes challenge, const ProxyCredentials& credentials,
                                     const NtlmNonce& nonce, std::uint64_t time);

}  // namespace culvert::carrier
