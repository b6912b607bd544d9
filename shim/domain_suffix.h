// shim/domain_suffix.h: whether a host name is below one of some domains.
#pragma once

namespace culvert::shim {

// `suffixes`: separated by spaces. In any case, with or without a final dot; a domain itself is
// too.
bool is_below_any(const char* name, const char* suffixes);

}  // namespace culvert::shim
