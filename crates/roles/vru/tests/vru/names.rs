//! A name server that knows a few names.

use std::net::{Ipv4Addr, SocketAddr};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

/// Answers on a loopback address that these names are on this machine, and that there are no others.
pub(crate) async fn name_server(known: &'static [&'static str]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            let bytes = answer(known, &question).to_vec().unwrap();
            let _ = socket.send_to(&bytes, from).await;
        }
    });
    address
}

fn answer(known: &[&str], question: &Message) -> Message {
    let query = question.queries[0].clone();
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_available = true;
    let asked = query.name().to_ascii().to_ascii_lowercase();
    let is_known = known.iter().any(|name| asked.strip_suffix('.') == Some(name));
    if is_known && query.query_type() == RecordType::A {
        let here = RData::A(A(Ipv4Addr::LOCALHOST));
        answer.add_answer(Record::from_rdata(query.name().clone(), 300, here));
    } else {
        let name = |text| Name::from_ascii(text).unwrap();
        let soa = SOA::new(name("ns.test."), name("host.test."), 1, 60, 60, 60, 60);
        answer.authorities.push(Record::from_rdata(name("test."), 60, RData::SOA(soa)));
    }
    if !is_known {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.add_query(query);
    answer
}
