//! The options of a UDP socket.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use socket2::SockRef;

use super::UdpSocket;

impl UdpSocket {
    /// Whether messages may be sent to broadcast addresses.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.io.get_ref().broadcast()
    }

    /// Allows messages to broadcast addresses.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.io.get_ref().set_broadcast(on)
    }

    /// Whether this machine receives its own IPv4 multicast messages.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.io.get_ref().multicast_loop_v4()
    }

    /// Sets whether this machine receives its own IPv4 multicast messages.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.io.get_ref().set_multicast_loop_v4(on)
    }

    /// How many routers an IPv4 multicast message may pass.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.io.get_ref().multicast_ttl_v4()
    }

    /// Sets how many routers an IPv4 multicast message may pass.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_multicast_ttl_v4(ttl)
    }

    /// Whether this machine receives its own IPv6 multicast messages.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.io.get_ref().multicast_loop_v6()
    }

    /// Sets whether this machine receives its own IPv6 multicast messages.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.io.get_ref().set_multicast_loop_v6(on)
    }

    /// The class of traffic of IPv6 messages.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        SockRef::from(self.io.get_ref()).tclass_v6()
    }

    /// Sets the class of traffic of IPv6 messages.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        SockRef::from(self.io.get_ref()).set_tclass_v6(class)
    }

    /// How many routers a message may pass.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets how many routers a message may pass.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }

    /// The type of service of IPv4 messages.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn tos_v4(&self) -> io::Result<u32> {
        SockRef::from(self.io.get_ref()).tos_v4()
    }

    /// The former name of [`UdpSocket::tos_v4`].
    ///
    /// # Errors
    /// If the system refuses.
    #[deprecated = "use `tos_v4`"]
    #[doc(hidden)]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// Sets the type of service of IPv4 messages.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn set_tos_v4(&self, service: u32) -> io::Result<()> {
        SockRef::from(self.io.get_ref()).set_tos_v4(service)
    }

    /// The former name of [`UdpSocket::set_tos_v4`].
    ///
    /// # Errors
    /// If the system refuses.
    #[deprecated = "use `set_tos_v4`"]
    #[doc(hidden)]
    pub fn set_tos(&self, service: u32) -> io::Result<()> {
        self.set_tos_v4(service)
    }

    /// The name of the network interface that the socket is bound to, if any.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        SockRef::from(self.io.get_ref()).device()
    }

    /// Binds the socket to a network interface, or to none.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        SockRef::from(self.io.get_ref()).bind_device(interface)
    }

    /// Receives what is sent to an IPv4 group, from the interface with this address.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.get_ref().join_multicast_v4(&group, &interface)
    }

    /// Receives what is sent to an IPv6 group, from the interface with this index.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.get_ref().join_multicast_v6(group, interface)
    }

    /// Ends what `join_multicast_v4` began.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.get_ref().leave_multicast_v4(&group, &interface)
    }

    /// Ends what `join_multicast_v6` began.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.get_ref().leave_multicast_v6(group, interface)
    }
}
