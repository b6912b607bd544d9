# What is installed where, as two components: `agent` (the culvert command, the agent, the library) and
# `service`. `cmake --install build --component agent`, or as Debian packages: `ninja -C build package`.
set(CULVERT_HELPERS lib/culvert)  # agent/program_path.h looks there
set(packaging ${CMAKE_SOURCE_DIR}/packaging)

install(TARGETS culvert culvert-agent RUNTIME DESTINATION bin COMPONENT agent)
install(TARGETS culvert-pac culvert-igd culvert-ticket RUNTIME DESTINATION ${CULVERT_HELPERS} COMPONENT agent)
install(TARGETS culvert-shim LIBRARY DESTINATION ${CULVERT_HELPERS} COMPONENT agent)
# Where libc looks for it, by the name that /etc/nsswitch.conf gives; nothing writes it there.
install(TARGETS culvert-nss LIBRARY DESTINATION lib/${CMAKE_LIBRARY_ARCHITECTURE} COMPONENT agent)
install(TARGETS culvert-service RUNTIME DESTINATION bin COMPONENT service)

install(FILES ${packaging}/agent/culvert-agent.tmpfiles RENAME culvert-agent.conf
        DESTINATION lib/tmpfiles.d COMPONENT agent)
install(FILES ${packaging}/man/culvert.1 DESTINATION share/man/man1 COMPONENT agent)
foreach(component agent service)
  install(FILES ${component}/culvert-${component}.service DESTINATION lib/systemd/system
          COMPONENT ${component})
  install(FILES ${packaging}/${component}/culvert-${component}.sysusers
          RENAME culvert-${component}.conf DESTINATION lib/sysusers.d COMPONENT ${component})
  install(FILES ${packaging}/${component}/${component}.toml COMPONENT ${component}
          DESTINATION share/doc/culvert-${component}/examples)
  install(FILES ${packaging}/man/culvert-${component}.8 DESTINATION share/man/man8
          COMPONENT ${component})
  install(FILES README.md tunnel/PROTOCOL.md DESTINATION share/doc/culvert-${component}
          COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "Culvert <culvert@example.net>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL agent service)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")  # for the user

set(CPACK_DEBIAN_AGENT_PACKAGE_NAME culvert-agent)
set(CPACK_COMPONENT_AGENT_DESCRIPTION "carries unmodified programs' connections under a barrier
The culvert command and the agent: programs reach machines behind firewalls, NATs and proxies by
name, and are reached there.")
set(CPACK_DEBIAN_AGENT_PACKAGE_RECOMMENDS "nftables, iproute2")
set(CPACK_DEBIAN_AGENT_PACKAGE_SUGGESTS "zenity | kdialog")
set(CPACK_DEBIAN_AGENT_PACKAGE_CONTROL_EXTRA
    ${packaging}/agent/postinst ${packaging}/agent/prerm ${packaging}/agent/postrm)

set(CPACK_DEBIAN_SERVICE_PACKAGE_NAME culvert-service)
set(CPACK_COMPONENT_SERVICE_DESCRIPTION "directory, relay and forwarder of Culvert's agents
The public side: machines behind firewalls, NATs and proxies find and reach each other through it,
and ordinary hosts where the administrator allows it.")
set(CPACK_DEBIAN_SERVICE_PACKAGE_CONTROL_EXTRA
    ${packaging}/service/postinst ${packaging}/service/prerm ${packaging}/service/postrm)
include(CPack)
