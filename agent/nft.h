// agent/nft.h: gives commands to nftables, by libnftables(3), which is loaded only when it is
// needed: nothing else of Culvert depends on it.
#pragma once
#include <string>

#include "tunnel/base/result.h"

namespace culvert::agent {

// `commands` in the language of nft(8): all of them take effect, or none. Acts on the network
// namespace of the calling thread; needs CAP_NET_ADMIN there. kIo with what is missing or refused:
// `kernel_needs` names the modules that the commands use.
Result<void> run_nft(const std::string& commands, const std::string& kernel_needs);

}  // namespace culvert::agent
